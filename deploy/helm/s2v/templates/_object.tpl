{{/*
The hatch. Each object passes through here: root, key ("Deployment/rendering"), yaml. What `overrides` says of the key is merged
into it, then its JSON Patch (RFC 6902: add, replace, remove) is applied.
*/}}
{{- define "s2v.object" -}}
{{- $object := fromYaml .yaml -}}
{{- if hasKey $object "Error" -}}{{- fail (printf "%s: %s" .key $object.Error) -}}{{- end -}}
{{- $override := index .root.Values.overrides .key | default dict -}}
{{- $object = mustMergeOverwrite $object (deepCopy ($override.merge | default dict)) -}}
{{- range $operation := $override.patch -}}
{{- $path := list -}}
{{- range rest (splitList "/" $operation.path) -}}
{{- $path = append $path (. | replace "~1" "/" | replace "~0" "~") -}}
{{- end -}}
{{- $arguments := dict "node" $object "path" $path "operation" $operation "key" $.key -}}
{{- $object = (include "s2v.patch" $arguments | fromJson).node -}}
{{- end -}}
---
{{ toYaml $object }}
{{ end -}}

{{/* One operation on a node, by recursion along its path: node, path, operation, key. Answers {"node": …} as JSON. */}}
{{- define "s2v.patch" -}}
{{- $name := first .path -}}
{{- $last := eq (len .path) 1 -}}
{{- $op := .operation.op -}}
{{- $missing := printf "overrides.%s: %s %s: there is no such place" .key $op .operation.path -}}
{{- $node := .node -}}
{{- if kindIs "map" $node -}}
{{- if and (not (hasKey $node $name)) (not (and $last (eq $op "add"))) -}}{{- fail $missing -}}{{- end -}}
{{- if not $last -}}
{{- $inner := dict "node" (index $node $name) "path" (rest .path) "operation" .operation "key" .key -}}
{{- $_ := set $node $name (include "s2v.patch" $inner | fromJson).node -}}
{{- else if eq $op "remove" -}}
{{- $_ := unset $node $name -}}
{{- else -}}
{{- $_ := set $node $name .operation.value -}}
{{- end -}}
{{- else if kindIs "slice" $node -}}
{{- $end := and $last (eq $op "add") -}}
{{- $at := ternary (len $node) (int $name) (eq $name "-") -}}
{{- if or (not (regexMatch "^([0-9]+|-)$" $name)) (gt $at (len $node)) (and (eq $at (len $node)) (not $end)) -}}{{- fail $missing -}}{{- end -}}
{{- $head := slice $node 0 $at -}}
{{- if not $last -}}
{{- $inner := dict "node" (index $node $at) "path" (rest .path) "operation" .operation "key" .key -}}
{{- $node = concat (append $head (include "s2v.patch" $inner | fromJson).node) (slice $node (add1 $at | int)) -}}
{{- else if eq $op "add" -}}
{{- $node = concat (append $head .operation.value) (slice $node $at) -}}
{{- else if eq $op "remove" -}}
{{- $node = concat $head (slice $node (add1 $at | int)) -}}
{{- else -}}
{{- $node = concat (append $head .operation.value) (slice $node (add1 $at | int)) -}}
{{- end -}}
{{- else -}}
{{- fail $missing -}}
{{- end -}}
{{- dict "node" $node | toJson -}}
{{- end -}}
