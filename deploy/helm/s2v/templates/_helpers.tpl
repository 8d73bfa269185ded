{{/* Names, labels, images: the small things. */}}

{{- define "s2v.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What a selector matches: root, component. */}}
{{- define "s2v.selector" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* Labels of an object: root, component. */}}
{{- define "s2v.labels" -}}
{{ include "s2v.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: speech-to-visuals
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Metadata of an object: root, component, and perhaps suffix (default: the component), annotations and labels of its own. */}}
{{- define "s2v.metadata" -}}
name: {{ include "s2v.fullname" .root }}-{{ .suffix | default .component }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "s2v.labels" . | nindent 2 }}
  {{- with .labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with mustMergeOverwrite (deepCopy .root.Values.commonAnnotations) (.annotations | default dict) }}
annotations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* An image's reference: root, image {repository, tag, digest}. A repository that names its own registry stays where it is. */}}
{{- define "s2v.image" -}}
{{- $repository := .image.repository -}}
{{- $own := regexMatch "^(localhost|[^/]*[.:][^/]*)/" $repository -}}
{{- $registry := ternary "" (printf "%s/" .root.Values.global.imageRegistry) (or $own (eq .root.Values.global.imageRegistry "")) -}}
{{- $tag := .image.tag | default .root.Values.image.tag | default .root.Chart.AppVersion -}}
{{- $registry }}{{ $repository }}{{ ternary (printf "@%s" .image.digest) (printf ":%s" $tag) (ne .image.digest "") -}}
{{- end -}}

{{/* The version of Kubernetes that is rendered for, e.g. 1.33.0. */}}
{{- define "s2v.kubeVersion" -}}
{{- .Values.kubeVersion | default .Capabilities.KubeVersion.Version | trimPrefix "v" -}}
{{- end -}}

{{/* A component's values on top of `defaults`, and its name: root, component. Answers as YAML. */}}
{{- define "s2v.component" -}}
{{- $values := mustMergeOverwrite (deepCopy .root.Values.defaults) (deepCopy (index .root.Values .component)) -}}
{{- $gpu := $values.gpu | default dict -}}
{{- if $gpu.enabled -}}
{{- $_ := set $values "workers" 1 -}}
{{- range list "image" "nodeSelector" "tolerations" -}}{{- $_ := set $values . (index $gpu .) -}}{{- end -}}
{{- $_ := set $values "runtimeClassName" ($gpu.runtimeClassName | default $values.runtimeClassName) -}}
{{- $resources := deepCopy $gpu.resources -}}
{{- if $gpu.dra.enabled -}}
{{- if semverCompare "<1.34-0" (include "s2v.kubeVersion" .root) -}}
{{- fail "transcription.gpu.dra needs resource.k8s.io/v1, Kubernetes 1.34 or newer: use transcription.gpu.resourceName" -}}
{{- end -}}
{{- $_ := set $resources "claims" (list (dict "name" "gpu")) -}}
{{- else -}}
{{- $_ := set $resources.limits $gpu.resourceName (toString $gpu.count) -}}
{{- end -}}
{{- $_ := set $values "resources" $resources -}}
{{- end -}}
{{- toYaml $values -}}
{{- end -}}

{{- define "s2v.components" -}}gateway transcription analysis layout rendering{{- end -}}

{{- define "s2v.stages" -}}transcription analysis layout rendering{{- end -}}

{{/* Whether a component is scaled by something, and then its `replicas` are not ours: root, values. */}}
{{- define "s2v.autoscaled" -}}
{{- if and (ne .root.Values.autoscaling.provider "none") .values.autoscaling.enabled }}true{{ end -}}
{{- end -}}

{{/* How many replicas a component that is scaled by something has in the cluster: root, component, values. Nothing where it is not
     there yet. Said by us they stay as they are: taken out, as they would be when autoscaling begins, they would become one. */}}
{{- define "s2v.liveReplicas" -}}
{{- $live := lookup "apps/v1" "Deployment" .root.Release.Namespace (printf "%s-%s" (include "s2v.fullname" .root) .component) -}}
{{- if hasKey ($live.spec | default dict) "replicas" -}}
{{- /* Of none an HPA would never make more: it takes them for switched off. */ -}}
{{- max $live.spec.replicas (ternary .values.autoscaling.min 0 (eq .root.Values.autoscaling.provider "hpa")) -}}
{{- end -}}
{{- end -}}

{{/* Name of a component's service account: root, component, values. */}}
{{- define "s2v.serviceAccount" -}}
{{- $account := .values.serviceAccount -}}
{{- $account.name | default (ternary (printf "%s-%s" (include "s2v.fullname" .root) .component) "default" $account.create) -}}
{{- end -}}

{{/* Where NATS and S3 are. */}}
{{- define "s2v.natsUrl" -}}
{{- if .Values.nats.bundled.enabled -}}
nats://{{ include "s2v.fullname" . }}-nats:4222
{{- else -}}
{{- .Values.nats.url -}}
{{- end -}}
{{- end -}}

{{- define "s2v.natsMonitor" -}}
{{- if .Values.nats.bundled.enabled -}}
{{ include "s2v.fullname" . }}-nats.{{ .Release.Namespace }}.svc:8222
{{- else -}}
{{- .Values.nats.monitor -}}
{{- end -}}
{{- end -}}

{{- define "s2v.s3Endpoint" -}}
{{- if .Values.s3.bundled.enabled -}}
http://{{ include "s2v.fullname" . }}-s3:8333
{{- else -}}
{{- .Values.s3.endpoint -}}
{{- end -}}
{{- end -}}

{{/* Names of the Secrets with their credentials; empty: none. */}}
{{- define "s2v.natsSecret" -}}
{{- .Values.nats.existingSecret.name | default (ternary (printf "%s-nats" (include "s2v.fullname" .)) "" .Values.nats.bundled.enabled) -}}
{{- end -}}

{{- define "s2v.s3Secret" -}}
{{- .Values.s3.existingSecret.name | default (ternary (printf "%s-s3" (include "s2v.fullname" .)) "" .Values.s3.bundled.enabled) -}}
{{- end -}}

{{/* The ports of URLs, as those of a NetworkPolicy: urls (several with commas between), and the default ports by scheme. */}}
{{- define "s2v.ports" -}}
{{- $ports := list -}}
{{- range splitList "," .urls -}}
{{- $url := urlParse (ternary . (printf "nats://%s" .) (contains "://" .)) -}}
{{- $ports = append $ports (regexFind ":[0-9]+$" $url.host | trimPrefix ":" | default (index $.ports $url.scheme | default (index $.ports ""))) -}}
{{- end -}}
[{{ range $at, $port := uniq $ports }}{{ if $at }}, {{ end }}{port: {{ $port }}, protocol: TCP}{{ end }}]
{{- end -}}

{{/* Settings of a component, or of a job, on top of those of all, each as a whole: root, settings. Answers as YAML. */}}
{{- define "s2v.ownSettings" -}}
{{- $settings := deepCopy .root.Values.settings -}}
{{- range $name, $value := .settings -}}{{- $_ := set $settings $name $value -}}{{- end -}}
{{- toYaml $settings -}}
{{- end -}}

{{/* Whether the gateway asks callers who they are. */}}
{{- define "s2v.asksCallers" -}}
{{- $settings := include "s2v.ownSettings" (dict "root" . "settings" .Values.gateway.settings) | fromYaml -}}
{{- if not (has ($settings.auth | toString) (list "<nil>" "" "off")) }}true{{ end -}}
{{- end -}}

{{/* Refuses values that leave something out or contradict each other. */}}
{{- define "s2v.check" -}}
{{- if not (or .Values.nats.bundled.enabled .Values.nats.url .Values.nats.existingSecret.urlKey) -}}
{{- fail "nats.url is missing: name a NATS server with JetStream, or set nats.bundled.enabled for a trial" -}}
{{- end -}}
{{- if not (or .Values.s3.bundled.enabled .Values.s3.endpoint) -}}
{{- fail "s3.endpoint is missing: name an S3 server, or set s3.bundled.enabled for a trial" -}}
{{- end -}}
{{- if and .Values.nats.existingSecret.urlKey (not .Values.nats.existingSecret.name) -}}
{{- fail "nats.existingSecret.urlKey is set: name its Secret in nats.existingSecret.name" -}}
{{- end -}}
{{- if and .Values.nats.bundled.enabled .Values.nats.url -}}
{{- fail "nats.url and nats.bundled.enabled are both set: choose one" -}}
{{- end -}}
{{- if and .Values.s3.bundled.enabled .Values.s3.endpoint -}}
{{- fail "s3.endpoint and s3.bundled.enabled are both set: choose one" -}}
{{- end -}}
{{- if and (eq .Values.autoscaling.provider "keda") (not (include "s2v.natsMonitor" .)) -}}
{{- fail "autoscaling.provider is keda: it reads the queue from nats.monitor, host:port of NATS's monitoring endpoint" -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not (and .Values.ingress.host .Values.ingress.tlsSecret)) -}}
{{- fail "ingress.host and ingress.tlsSecret are missing: gRPC through an Ingress needs TLS" -}}
{{- end -}}
{{- if and .Values.gatewayApi.enabled (not .Values.gatewayApi.parentRefs) -}}
{{- fail "gatewayApi.parentRefs is missing: name the Gateway that the route belongs to" -}}
{{- end -}}
{{- if not (or .Values.s3.bundled.enabled .Values.s3.existingSecret.name) -}}
{{- fail "s3.existingSecret.name is missing: name the Secret with the keys of the S3 server" -}}
{{- end -}}
{{- $open := or .Values.ingress.enabled .Values.gatewayApi.enabled (ne .Values.gateway.service.type "ClusterIP") -}}
{{- if and $open (not .Values.gateway.anonymous) (not (include "s2v.asksCallers" .)) -}}
{{- fail "the gateway can be reached from outside, and nobody is asked who they are: set settings.auth to \"on\" (docs/tenants.md), or gateway.anonymous to true" -}}
{{- end -}}
{{- $model := .Values.transcription.settings.whisper_model | toString -}}
{{- if and (hasPrefix "s3://" $model) (not .Values.transcription.settings.model_cache) -}}
{{- fail "transcription.settings.model_cache is missing: a model from S3 is kept in a folder of a volume, see examples/gpu" -}}
{{- end -}}
{{- $backup := .Values.cronJobs.backup -}}
{{- $named := or $backup.settings.backup_destinations .Values.settings.backup_destinations (has "--to" $backup.command) -}}
{{- if and $backup.enabled (not $named) -}}
{{- fail "cronJobs.backup.settings.backup_destinations is missing: say where backups go (docs/deployment/disaster-recovery.md)" -}}
{{- end -}}
{{- end -}}
