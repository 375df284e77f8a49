{{- define "tieout.name" -}}
{{- if contains "tieout" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-tieout" .Release.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "tieout.selector" -}}
app.kubernetes.io/name: tieout
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "tieout.labels" -}}
{{ include "tieout.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "tieout.image" -}}
{{- if .Values.image.digest }}{{ printf "%s@%s" .Values.image.repository .Values.image.digest }}{{ else }}{{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) }}{{ end }}
{{- end }}

{{- define "tieout.secret" -}}
{{- required "existingSecret is empty: make a Secret with TIEOUT_DATABASE_URL, TIEOUT_HUB_CLIENT_ID and TIEOUT_HUB_CLIENT_SECRET, and name it here" .Values.existingSecret }}
{{- end }}

{{/* Pod-level half of the restricted profile. enableServiceLinks is off because a Service named tieout would put
     variables such as TIEOUT_PORT into every pod, beside our settings. */}}
{{- define "tieout.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Container-level half, and what all containers share: image, environment, a writable /tmp on a read-only root. */}}
{{- define "tieout.container" -}}
image: {{ include "tieout.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
envFrom:
  - secretRef: {name: {{ include "tieout.secret" . | quote }}}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
  {{- if .Values.database.caSecret }}
  - {name: database-ca, mountPath: /etc/tieout/database, readOnly: true}
  {{- end }}
{{- end }}

{{- define "tieout.settings" -}}
- {name: TIEOUT_LISTEN, value: "0.0.0.0:8080"}
{{- range $name, $value := .Values.settings }}
{{- if not (kindIs "invalid" $value) }}
- {name: {{ $name }}, value: {{ $value | toString | quote }}}
{{- end }}
{{- end }}
{{- end }}

{{- define "tieout.volumes" -}}
- name: tmp
  emptyDir: {sizeLimit: 64Mi}
{{- with .Values.database.caSecret }}
- name: database-ca
  secret: {secretName: {{ . | quote }}, items: [{key: ca.crt, path: ca.crt}]}
{{- end }}
{{- end }}

{{- define "tieout.spread" -}}
- maxSkew: 1
  topologyKey: kubernetes.io/hostname
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels: {{ include "tieout.selector" .root | nindent 6 }}
      app.kubernetes.io/component: {{ .component }}
- maxSkew: 1
  topologyKey: topology.kubernetes.io/zone
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels: {{ include "tieout.selector" .root | nindent 6 }}
      app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* Where every pod may go: DNS, Postgres, and HTTPS out, over IPv4 and IPv6. */}}
{{- define "tieout.egress" -}}
- ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
- ports:
    - {protocol: TCP, port: {{ .Values.networkPolicy.postgresPort }}}
  {{- with .Values.networkPolicy.postgresTo }}
  to: {{ toYaml . | nindent 4 }}
  {{- end }}
- ports:
    - {protocol: TCP, port: {{ .Values.networkPolicy.httpsPort }}}
  to:
    {{- $old := list }}
    {{- $new := list }}
    {{- range .Values.networkPolicy.exceptCidrs }}
    {{- if contains ":" . }}{{ $new = append $new . }}{{ else }}{{ $old = append $old . }}{{ end }}
    {{- end }}
    - ipBlock:
        cidr: 0.0.0.0/0
        except: {{ toJson $old }}
    - ipBlock:
        cidr: "::/0"
        except: {{ toJson $new }}
{{- with .Values.networkPolicy.extraEgress }}
{{ toYaml . }}
{{- end }}
{{- end }}
