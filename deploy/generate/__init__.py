"""What is generated from the chart and the code: the table of values, the schema of settings, renders, the Kustomize base."""
