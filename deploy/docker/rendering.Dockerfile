# syntax=docker/dockerfile:1
# Composition and sound to video. PyAV brings an FFmpeg with x264 (GPL): see NOTICE.

FROM build AS installed
COPY typeset typeset
COPY services/rendering services/rendering
RUN pip install -c constraints.txt ./typeset ./services/rendering

FROM runtime AS rendering
USER root
RUN apt-get update \
 && apt-get install -y --no-install-recommends libcairo2 libpango-1.0-0 libpangocairo-1.0-0 \
 && rm -rf /var/lib/apt/lists/*
COPY --from=installed /opt/s2v /opt/s2v
USER 65532:65532
CMD ["python", "-m", "s2v.rendering"]
