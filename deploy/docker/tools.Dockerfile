# syntax=docker/dockerfile:1
# The `s2v` command for jobs in the cluster: migration, housekeeping, the test. It talks to the gateway, NATS and S3; the engines
# that single stages need are not in it, hence --no-deps.

FROM build AS installed
COPY client client
COPY cli cli
RUN pip install -c constraints.txt ./client typer rich psutil packaging \
 && pip install --no-deps ./cli

FROM runtime AS tools
COPY --from=installed /opt/s2v /opt/s2v
COPY examples/01-how-a-web-page-reaches-you.opus /usr/share/s2v/talk.opus
USER 65532:65532
CMD ["s2v", "--help"]
