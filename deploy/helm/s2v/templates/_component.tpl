{{/* The objects that each component has. All take root, component, values. */}}

{{- define "s2v.deployment" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- $annotations := dict -}}
  {{- with include "s2v.natsMonitor" .root }}{{ $_ := set $annotations "speech-to-visuals/nats-monitor" . }}{{ end }}
  {{- include "s2v.metadata" (merge (dict "annotations" $annotations) .) | nindent 2 }}
spec:
  {{- if not (include "s2v.autoscaled" .) }}
  replicas: {{ .values.replicas }}
  {{- else }}
  {{- with include "s2v.liveReplicas" . }}
  replicas: {{ . }}
  {{- end }}
  {{- end }}
  revisionHistoryLimit: 5
  strategy: {{- toYaml .values.strategy | nindent 4 }}
  selector:
    matchLabels: {{- include "s2v.selector" . | nindent 6 }}
  template: {{- include "s2v.pod" . | nindent 4 }}
{{- end -}}

{{- define "s2v.account" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "s2v.metadata" (merge (dict "annotations" .values.serviceAccount.annotations) .) | nindent 2 }}
automountServiceAccountToken: false
{{- end -}}

{{/* Clients see each pod by itself and balance over them. */}}
{{- define "s2v.headlessService" -}}
apiVersion: v1
kind: Service
metadata: {{- include "s2v.metadata" . | nindent 2 }}
spec:
  type: ClusterIP
  clusterIP: None
  selector: {{- include "s2v.selector" . | nindent 4 }}
  ports:
    - {name: grpc, port: 50051, targetPort: grpc, protocol: TCP, appProtocol: kubernetes.io/h2c}
{{- end -}}

{{- define "s2v.disruptionBudget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{- include "s2v.metadata" . | nindent 2 }}
spec:
  maxUnavailable: {{ .values.pdb.maxUnavailable }}
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels: {{- include "s2v.selector" . | nindent 6 }}
{{- end -}}

{{/* How fast an autoscaler may be, for the HPA and for the one that KEDA makes: root. */}}
{{- define "s2v.behavior" -}}
scaleUp: {stabilizationWindowSeconds: {{ .root.Values.autoscaling.scaleUpSeconds }}}
scaleDown: {stabilizationWindowSeconds: {{ .root.Values.autoscaling.scaleDownSeconds }}}
{{- end -}}

{{/* KEDA would refuse a ScaledObject beside it: where a release changes from one to the other, both are there for a moment. */}}
{{- define "s2v.horizontalAutoscaler" -}}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {{- include "s2v.metadata" (merge (dict "annotations" (dict "validations.keda.sh/hpa-ownership" "false")) .) | nindent 2 }}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: {{ include "s2v.fullname" .root }}-{{ .component }}}
  minReplicas: {{ .values.autoscaling.min }}
  maxReplicas: {{ .values.autoscaling.max }}
  metrics:
    - {type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: {{ .root.Values.autoscaling.cpu }}}}}
    - {type: Resource, resource: {name: memory, target: {type: Utilization, averageUtilization: {{ .root.Values.autoscaling.memory }}}}}
  behavior: {{- include "s2v.behavior" . | nindent 4 }}
{{- end -}}

{{/* KEDA makes an HPA of it. Stages follow their queue: what waits and what is at work, of all three priorities together. */}}
{{- define "s2v.scaledObject" -}}
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {{- include "s2v.metadata" . | nindent 2 }}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: {{ include "s2v.fullname" .root }}-{{ .component }}}
  maxReplicaCount: {{ .values.autoscaling.max }}
  {{- if eq .component "gateway" }}
  minReplicaCount: {{ .values.autoscaling.min }}
  advanced:
    horizontalPodAutoscalerConfig:
      behavior: {{- include "s2v.behavior" . | nindent 8 }}
  triggers:
    - {type: cpu, metricType: Utilization, metadata: {value: {{ .root.Values.autoscaling.cpu | quote }}}}
  {{- else }}
  minReplicaCount: {{ .values.autoscaling.minKeda }}
  pollingInterval: {{ .root.Values.autoscaling.keda.pollingInterval }}
  cooldownPeriod: {{ .root.Values.autoscaling.scaleDownSeconds }}
  fallback: {failureThreshold: 6, replicas: {{ .values.replicas }}}
  advanced:
    horizontalPodAutoscalerConfig:
      behavior: {{- include "s2v.behavior" . | nindent 8 }}
    scalingModifiers:
      formula: high + normal + low
      target: {{ .values.autoscaling.tasks | quote }}
      metricType: AverageValue
  triggers:
    {{- range $priority := list "high" "normal" "low" }}
    - type: nats-jetstream
      name: {{ $priority }}
      metadata:
        natsServerMonitoringEndpoint: {{ include "s2v.natsMonitor" $.root | quote }}
        account: {{ $.root.Values.autoscaling.keda.account | quote }}
        useHttps: {{ $.root.Values.autoscaling.keda.useHttps | quote }}
        stream: S2V_WORK
        consumer: {{ $.component }}-{{ $priority }}
        lagThreshold: {{ $.values.autoscaling.tasks | quote }}
    {{- end }}
  {{- end }}
{{- end -}}
