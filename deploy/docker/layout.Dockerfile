# syntax=docker/dockerfile:1
# Storyboard to composition; ELK runs in V8 inside the Python process.

FROM build AS installed
COPY typeset typeset
COPY services/layout services/layout
RUN pip install -c constraints.txt ./typeset ./services/layout/elkjs-py ./services/layout

FROM runtime AS layout
COPY --from=installed /opt/s2v /opt/s2v
USER 65532:65532
CMD ["python", "-m", "s2v.layout"]
