{{/* What pods have in common: environment, volumes, and the pod of a component. */}}

{{/* One variable, whose value is a scalar or {valueFrom: …}: name, value. */}}
{{- define "s2v.variable" -}}
- name: {{ .name }}
  {{- if kindIs "map" .value }}
  {{- toYaml .value | nindent 2 }}
  {{- else if kindIs "float64" .value }}
  value: {{ ternary (.value | int64 | toString) (.value | toString) (eq .value (floor .value)) | quote }}
  {{- else }}
  value: {{ .value | toString | quote }}
  {{- end }}
{{- end -}}

{{/* Settings as S2V_… variables, those of all services first: root, settings. */}}
{{- define "s2v.settings" -}}
{{- range $name, $value := include "s2v.ownSettings" . | fromYaml }}
{{ include "s2v.variable" (dict "name" (printf "S2V_%s" (upper $name)) "value" $value) }}
{{- end }}
{{- end -}}

{{/* Where NATS, S3 and the trusted certificates are. */}}
{{- define "s2v.connections" -}}
- name: HOME
  value: /tmp
{{- $nats := .Values.nats.existingSecret }}
{{- $natsSecret := include "s2v.natsSecret" . }}
{{- if $nats.urlKey }}
- name: S2V_NATS_URL
  valueFrom: {secretKeyRef: {name: {{ $natsSecret }}, key: {{ $nats.urlKey }}}}
{{- else }}
- name: S2V_NATS_URL
  value: {{ include "s2v.natsUrl" . | quote }}
{{- if and $natsSecret $nats.tokenKey }}
- name: S2V_NATS_TOKEN
  valueFrom: {secretKeyRef: {name: {{ $natsSecret }}, key: {{ $nats.tokenKey }}}}
{{- end }}
{{- end }}
- name: S2V_S3_ENDPOINT
  value: {{ include "s2v.s3Endpoint" . | quote }}
- name: S2V_S3_BUCKET
  value: {{ .Values.s3.bucket | quote }}
- name: S2V_S3_REGION
  value: {{ .Values.s3.region | quote }}
{{- with include "s2v.s3Secret" . }}
- name: S2V_S3_ACCESS_KEY
  valueFrom: {secretKeyRef: {name: {{ . }}, key: {{ $.Values.s3.existingSecret.accessKeyKey }}}}
- name: S2V_S3_SECRET_KEY
  valueFrom: {secretKeyRef: {name: {{ . }}, key: {{ $.Values.s3.existingSecret.secretKeyKey }}}}
{{- end }}
{{- if .Values.trust.configMap }}
- name: SSL_CERT_FILE
  value: /etc/s2v/trust/{{ .Values.trust.key }}
{{- end }}
{{- end -}}

{{/* Volumes of a pod of ours, and their mounts: root, values. */}}
{{- define "s2v.volumes" -}}
- name: tmp
  emptyDir: {{- toYaml .values.tmp | nindent 4 }}
{{- with .root.Values.trust.configMap }}
- name: trust
  configMap: {name: {{ . }}}
{{- end }}
{{- with .values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "s2v.volumeMounts" -}}
- {name: tmp, mountPath: /tmp}
{{- if .root.Values.trust.configMap }}
- {name: trust, mountPath: /etc/s2v/trust, readOnly: true}
{{- end }}
{{- with .values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Labels and annotations of a pod of ours: root, component, values. */}}
{{- define "s2v.podMetadata" -}}
labels:
  {{- include "s2v.labels" . | nindent 2 }}
  {{- with .values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with mustMergeOverwrite (deepCopy .root.Values.commonAnnotations) .values.podAnnotations }}
annotations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Where a pod runs: values. */}}
{{- define "s2v.placement" -}}
{{- range $field := list "affinity" "nodeSelector" "tolerations" "priorityClassName" "runtimeClassName" }}
{{- with index $.values $field }}
{{ $field }}: {{ toJson . }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The environment of a component: root, component, values. */}}
{{- define "s2v.environment" -}}
{{- $workers := dict "transcription" "S2V_WHISPER_WORKERS" "analysis" "S2V_ANALYSIS_WORKERS" "layout" "S2V_LAYOUT_WORKERS" "rendering" "S2V_RENDERING_WORKERS" -}}
{{ include "s2v.connections" .root }}
- name: S2V_LISTEN
  value: "[::]:50051"
- name: S2V_DRAIN_SECONDS
  value: {{ .values.drainSeconds | toString | quote }}
{{- with index $workers .component }}
- name: {{ . }}
  value: {{ $.values.workers | toString | quote }}
{{- end }}
{{- if .root.Values.metrics.enabled }}
{{- /* The pod's own address is IPv4 or IPv6, as the cluster has it; a fixed one would fail where nodes have only the other. */}}
- name: POD_IP
  valueFrom: {fieldRef: {fieldPath: status.podIP}}
- name: S2V_METRICS_LISTEN
  value: "[$(POD_IP)]:{{ .root.Values.metrics.port }}"
{{- end }}
{{- if eq .component "transcription" }}
- name: S2V_WHISPER_DEVICE
  value: {{ ternary "cuda" "cpu" .values.gpu.enabled }}
{{- end }}
{{- include "s2v.settings" (dict "root" .root "settings" .values.settings) }}
{{- with .values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* How a container of the gateway ends: endpoints forget it first. Stages go on serving while they drain. */}}
{{- define "s2v.lifecycle" -}}
{{- if .values.lifecycle -}}
{{ toYaml .values.lifecycle }}
{{- else if eq .component "gateway" -}}
{{- if semverCompare ">=1.30-0" (include "s2v.kubeVersion" .root) -}}
preStop: {sleep: {seconds: 10}}
{{- else -}}
preStop: {exec: {command: [sleep, "10"]}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* How the kubelet asks: by gRPC health, which it can't do over TLS. */}}
{{- define "s2v.probe" -}}
{{- if (include "s2v.ownSettings" (dict "root" .root "settings" .values.settings) | fromYaml).tls_cert -}}
tcpSocket: {port: grpc}
{{- else -}}
grpc: {port: 50051}
{{- end -}}
{{- end -}}

{{/* The pod of a component: root, component, values. */}}
{{- define "s2v.pod" -}}
metadata: {{- include "s2v.podMetadata" . | nindent 2 }}
spec:
  serviceAccountName: {{ include "s2v.serviceAccount" . }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- with .root.Values.global.imagePullSecrets }}
  imagePullSecrets: {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext: {{- toYaml .values.podSecurityContext | nindent 4 }}
  terminationGracePeriodSeconds: {{ add .values.drainSeconds 60 }}
  {{- include "s2v.placement" . | nindent 2 }}
  topologySpreadConstraints:
    {{- range .values.topologySpreadConstraints }}
    - {{ merge . (dict "labelSelector" (dict "matchLabels" (include "s2v.selector" $ | fromYaml))) | toJson }}
    {{- end }}
  {{- with .values.extraInitContainers }}
  initContainers: {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: {{ .component }}
      image: {{ include "s2v.image" (dict "root" .root "image" .values.image) }}
      imagePullPolicy: {{ .root.Values.image.pullPolicy }}
      securityContext: {{- toYaml .values.securityContext | nindent 8 }}
      ports:
        - {name: grpc, containerPort: 50051, protocol: TCP}
        {{- if .root.Values.metrics.enabled }}
        - {name: metrics, containerPort: {{ .root.Values.metrics.port }}, protocol: TCP}
        {{- end }}
      env: {{- include "s2v.environment" . | nindent 8 }}
      {{- with .values.extraEnvFrom }}
      envFrom: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- range $probe, $values := .values.probes }}
      {{ $probe }}Probe: {{ merge (include "s2v.probe" $ | fromYaml) $values | toJson }}
      {{- end }}
      {{- with include "s2v.lifecycle" . }}
      lifecycle: {{- . | nindent 8 }}
      {{- end }}
      resources: {{- toYaml .values.resources | nindent 8 }}
      volumeMounts: {{- include "s2v.volumeMounts" . | nindent 8 }}
    {{- with .values.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- $gpu := .values.gpu | default dict }}
  {{- if and $gpu.enabled (dig "dra" "enabled" false $gpu) }}
  resourceClaims:
    - {name: gpu, resourceClaimTemplateName: {{ include "s2v.fullname" .root }}-{{ .component }}}
  {{- end }}
  volumes: {{- include "s2v.volumes" . | nindent 4 }}
{{- end -}}

{{/* A pod that runs the `s2v` command: root, component, command, settings, and perhaps env and restartPolicy (default: Never, as of
     a job). What `defaults` adds to components (certificates, secrets, volumes) is there too, but no sidecar, beside which a job
     would never end. */}}
{{- define "s2v.toolPod" -}}
{{- $values := .root.Values.defaults -}}
{{- $pod := dict "root" .root "component" .component "values" $values -}}
metadata: {{- include "s2v.podMetadata" $pod | nindent 2 }}
spec:
  restartPolicy: {{ .restartPolicy | default "Never" }}
  serviceAccountName: {{ include "s2v.serviceAccount" (dict "root" .root "component" "tools" "values" $values) }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- with .root.Values.global.imagePullSecrets }}
  imagePullSecrets: {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext: {{- toYaml $values.podSecurityContext | nindent 4 }}
  {{- include "s2v.placement" $pod | nindent 2 }}
  {{- with $values.extraInitContainers }}
  initContainers: {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: {{ .component }}
      image: {{ include "s2v.image" (dict "root" .root "image" .root.Values.tools.image) }}
      imagePullPolicy: {{ .root.Values.image.pullPolicy }}
      securityContext: {{- toYaml $values.securityContext | nindent 8 }}
      command: {{ toJson .command }}
      env:
        {{- include "s2v.connections" .root | nindent 8 }}
        - name: S2V_GATEWAY
          value: {{ include "s2v.fullname" .root }}-gateway:50051
        {{- include "s2v.settings" (dict "root" .root "settings" .settings) | nindent 8 }}
        {{- with concat $values.extraEnv (.env | default list) }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with $values.extraEnvFrom }}
      envFrom: {{- toYaml . | nindent 8 }}
      {{- end }}
      resources: {{- toYaml .root.Values.tools.resources | nindent 8 }}
      volumeMounts: {{- include "s2v.volumeMounts" $pod | nindent 8 }}
  volumes: {{- include "s2v.volumes" $pod | nindent 4 }}
{{- end -}}
