# syntax=docker/dockerfile:1
# The front door.

FROM build AS installed
COPY typeset typeset
COPY gateway gateway
RUN pip install -c constraints.txt "./runtime[media]" ./typeset ./gateway

FROM runtime AS gateway
COPY --from=installed /opt/s2v /opt/s2v
USER 65532:65532
CMD ["python", "-m", "s2v.gateway"]
