{{/* What the two bundled servers have in common. They are for trials: one replica, one volume. */}}

{{/* root, component, values, ports, container (its fields), annotations, volumes. */}}
{{- define "s2v.bundledStatefulSet" -}}
apiVersion: apps/v1
kind: StatefulSet
metadata: {{- include "s2v.metadata" . | nindent 2 }}
spec:
  replicas: 1
  serviceName: {{ include "s2v.fullname" .root }}-{{ .component }}
  selector:
    matchLabels: {{- include "s2v.selector" . | nindent 6 }}
  template:
    metadata:
      labels: {{- include "s2v.labels" . | nindent 8 }}
      {{- with .annotations }}
      annotations: {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      automountServiceAccountToken: false
      enableServiceLinks: false
      {{- with .root.Values.global.imagePullSecrets }}
      imagePullSecrets: {{- toYaml . | nindent 8 }}
      {{- end }}
      securityContext: {{- toYaml .root.Values.defaults.podSecurityContext | nindent 8 }}
      terminationGracePeriodSeconds: 60
      containers:
        - name: {{ .component }}
          image: {{ include "s2v.image" (dict "root" .root "image" .values.image) }}
          imagePullPolicy: IfNotPresent
          securityContext: {{- toYaml .root.Values.defaults.securityContext | nindent 12 }}
          resources: {{- toYaml .values.resources | nindent 12 }}
          {{- toYaml .container | nindent 10 }}
      volumes: {{- toYaml (append .volumes (dict "name" "tmp" "emptyDir" (dict "sizeLimit" "64Mi"))) | nindent 8 }}
  volumeClaimTemplates:
    - metadata: {name: data}
      spec:
        accessModes: [ReadWriteOnce]
        {{- with .values.storageClassName }}
        storageClassName: {{ . }}
        {{- end }}
        resources: {requests: {storage: {{ .values.storage }}}}
{{- end -}}

{{/* root, component, ports. */}}
{{- define "s2v.bundledService" -}}
apiVersion: v1
kind: Service
metadata: {{- include "s2v.metadata" . | nindent 2 }}
spec:
  type: ClusterIP
  clusterIP: None
  publishNotReadyAddresses: false
  selector: {{- include "s2v.selector" . | nindent 4 }}
  ports: {{- toYaml .ports | nindent 4 }}
{{- end -}}

{{/* Credentials that are drawn at the first installation and kept from then on: root, component, keys {key: length}. */}}
{{- define "s2v.bundledSecret" -}}
{{- $name := printf "%s-%s" (include "s2v.fullname" .root) .component -}}
{{- $kept := (lookup "v1" "Secret" .root.Release.Namespace $name).data | default dict -}}
apiVersion: v1
kind: Secret
metadata:
  {{- include "s2v.metadata" (merge (dict "annotations" (dict "helm.sh/resource-policy" "keep")) .) | nindent 2 }}
type: Opaque
data:
  {{- range $key, $length := .keys }}
  {{ $key }}: {{ index $kept $key | default (printf "s%s" (randAlphaNum $length) | b64enc) }}
  {{- end }}
{{- end -}}
