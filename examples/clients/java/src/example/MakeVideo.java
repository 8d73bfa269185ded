package example;

import com.google.protobuf.ByteString;
import com.google.protobuf.util.Durations;
import com.google.rpc.RetryInfo;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import io.grpc.stub.MetadataUtils;
import java.io.IOException;
import java.io.OutputStream;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import s2v.v1.ArtifactOuterClass.Artifact;
import s2v.v1.Event.JobEvent;
import s2v.v1.JobOuterClass.Job;
import s2v.v1.JobOuterClass.JobOptions;
import s2v.v1.JobOuterClass.JobState;
import s2v.v1.JobServiceGrpc;
import s2v.v1.JobServiceOuterClass.CreateJobRequest;
import s2v.v1.JobServiceOuterClass.GetArtifactRequest;
import s2v.v1.JobServiceOuterClass.GetArtifactResponse;
import s2v.v1.JobServiceOuterClass.GetJobRequest;
import s2v.v1.JobServiceOuterClass.QueryUploadRequest;
import s2v.v1.JobServiceOuterClass.StartUploadRequest;
import s2v.v1.JobServiceOuterClass.WatchJobRequest;
import s2v.v1.JobServiceOuterClass.WatchJobResponse;
import s2v.v1.JobServiceOuterClass.WriteUploadRequest;
import s2v.v1.JobServiceOuterClass.WriteUploadResponse;

/**
 * Makes a video of a talk: upload, job, events, video. Connections may break at any of them.
 *
 * <p>Arguments: TALK VIDEO GATEWAY. S2V_TOKEN is an API key or token; S2V_CLIENT_TLS=on speaks TLS.
 */
public final class MakeVideo {
  private static final int MESSAGE_BYTES = 256 * 1024;
  private static final int CALL_SECONDS = 30;
  private static final int CREATE_SECONDS = 300; // the gateway reads the whole file
  private static final int ATTEMPTS = 8;

  private final JobServiceGrpc.JobServiceBlockingStub jobs;
  private final JobServiceGrpc.JobServiceStub streams;

  private MakeVideo(ManagedChannel channel, String token) {
    Metadata headers = new Metadata();
    if (token != null) {
      headers.put(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), "Bearer " + token);
    }
    var interceptor = MetadataUtils.newAttachHeadersInterceptor(headers);
    jobs = JobServiceGrpc.newBlockingStub(channel).withInterceptors(interceptor);
    streams = JobServiceGrpc.newStub(channel).withInterceptors(interceptor);
  }

  public static void main(String[] arguments) throws Exception {
    if (arguments.length != 3) {
      System.err.println("arguments: TALK VIDEO GATEWAY");
      System.exit(2);
    }
    var builder = ManagedChannelBuilder.forTarget(arguments[2]);
    ManagedChannel channel = ("on".equals(System.getenv("S2V_CLIENT_TLS")) ? builder : builder.usePlaintext()).build();
    int code = 0;
    try {
      new MakeVideo(channel, System.getenv("S2V_TOKEN")).run(Path.of(arguments[0]), Path.of(arguments[1]));
    } catch (StatusRuntimeException error) {
      System.err.println(error.getStatus().getDescription());
      code = 1;
    } finally {
      channel.shutdownNow().awaitTermination(5, TimeUnit.SECONDS);
    }
    System.exit(code);
  }

  private void run(Path talk, Path video) throws Exception {
    String upload = upload(talk);
    JobOptions options = JobOptions.newBuilder().setHeight(720).setFrameRate(24).build();
    Job job = createJob(upload, options);
    System.out.printf("job %s: %.1f s of sound%n", job.getId(), job.getSourceSeconds());
    watch(job.getId());
    GetJobRequest request = GetJobRequest.newBuilder().setJobId(job.getId()).build();
    Job ended = persist(() -> jobs.withDeadlineAfter(CALL_SECONDS, TimeUnit.SECONDS).getJob(request)).getJob();
    if (ended.getState() != JobState.JOB_STATE_SUCCEEDED) {
      throw Status.ABORTED.withDescription("the job is " + ended.getState() + ": " + ended.getError().getMessage()).asRuntimeException();
    }
    download(job.getId(), "video.mp4", video);
    System.out.println("the video is " + video);
  }

  /** Sends a file, going on where a broken stream left off, and returns the upload's id. */
  private String upload(Path path) throws Exception {
    MessageDigest digest = MessageDigest.getInstance("SHA-256");
    long size = Files.size(path);
    try (var in = Files.newInputStream(path)) {
      byte[] piece = new byte[MESSAGE_BYTES];
      for (int read; (read = in.read(piece)) > 0; ) {
        digest.update(piece, 0, read);
      }
    }
    StartUploadRequest start =
        StartUploadRequest.newBuilder()
            .setName(path.getFileName().toString())
            .setSizeBytes(size)
            .setSha256(HexFormat.of().formatHex(digest.digest()))
            .build();
    String id = persist(() -> jobs.withDeadlineAfter(CALL_SECONDS, TimeUnit.SECONDS).startUpload(start)).getUploadId();
    return persist(
        () -> {
          var there = jobs.queryUpload(QueryUploadRequest.newBuilder().setUploadId(id).build());
          if (!there.getComplete()) {
            write(path, id, there.getCommittedSize(), size);
          }
          return id;
        });
  }

  private void write(Path path, String id, long start, long size) throws Exception {
    var answer = new CompletableFuture<WriteUploadResponse>();
    try (var file = new RandomAccessFile(path.toFile(), "r")) {
      file.seek(start);
      streams.writeUpload(
          new ClientResponseObserver<WriteUploadRequest, WriteUploadResponse>() {
            private long offset = start;
            private boolean ended;

            @Override
            public void beforeStart(ClientCallStreamObserver<WriteUploadRequest> requests) {
              // Only as fast as the line: what is not taken yet stays in the file.
              requests.setOnReadyHandler(
                  () -> {
                    try {
                      byte[] piece = new byte[MESSAGE_BYTES];
                      while (requests.isReady() && !ended) {
                        int read = file.read(piece);
                        if (read <= 0) {
                          ended = true;
                          requests.onCompleted();
                          return;
                        }
                        ByteString data = ByteString.copyFrom(piece, 0, read);
                        requests.onNext(
                            WriteUploadRequest.newBuilder().setUploadId(id).setWriteOffset(offset).setData(data).build());
                        offset += read;
                        System.out.printf("%d of %d bytes are sent%n", offset, size);
                      }
                    } catch (IOException error) {
                      requests.cancel("the file cannot be read", error);
                    }
                  });
            }

            @Override
            public void onNext(WriteUploadResponse response) {
              answer.complete(response);
            }

            @Override
            public void onError(Throwable error) {
              answer.completeExceptionally(error);
            }

            @Override
            public void onCompleted() {}
          });
      answer.get();
    } catch (ExecutionException error) {
      throw (Exception) error.getCause();
    }
  }

  /** Makes a job of an upload, once however often the call is sent: the request's id stays the same. */
  private Job createJob(String upload, JobOptions options) throws Exception {
    String id = UUID.randomUUID().toString();
    CreateJobRequest request = CreateJobRequest.newBuilder().setRequestId(id).setUploadId(upload).setOptions(options).build();
    return persist(() -> jobs.withDeadlineAfter(CREATE_SECONDS, TimeUnit.SECONDS).createJob(request)).getJob();
  }

  /** Tells a job's events to the last one; a stream that breaks is taken up after its last event. */
  private void watch(String job) throws Exception {
    long after = 0;
    for (int failures = 0; ; ) {
      try {
        Iterator<WatchJobResponse> events =
            jobs.watchJob(WatchJobRequest.newBuilder().setJobId(job).setAfterSequence(after).build());
        while (events.hasNext()) {
          JobEvent event = events.next().getEvent();
          after = event.getSequence();
          failures = 0;
          tell(event);
          if (event.getStateChanged().getState().getNumber() >= JobState.JOB_STATE_SUCCEEDED_VALUE) {
            return;
          }
        }
      } catch (StatusRuntimeException error) {
        if (!mayHelp(error) || ++failures == ATTEMPTS) {
          throw error;
        }
        pause(failures, error);
      }
    }
  }

  private static void tell(JobEvent event) {
    switch (event.getEventCase()) {
      case STATE_CHANGED -> System.out.println("the job is " + event.getStateChanged().getState());
      case PART_FINISHED -> {
        var part = event.getPartFinished();
        System.out.printf("%s: %d of %d parts%n", part.getStage(), part.getPartsDone(), part.getPartsTotal());
      }
      case STAGE_FINISHED -> {
        var report = event.getStageFinished().getReport();
        System.out.printf("%s: done in %.1f s%n", report.getStage(), report.getWallSeconds());
      }
      case ATTEMPT_FAILED -> System.out.println("an attempt failed: " + event.getAttemptFailed().getError().getMessage());
      default -> {} // what later versions may tell
    }
  }

  /** Writes an artifact; the file appears only when the whole is there and its SHA-256 is right. */
  private void download(String job, String name, Path path) throws Exception {
    Path part = path.resolveSibling(path.getFileName() + ".part");
    persist(
        () -> {
          MessageDigest digest = MessageDigest.getInstance("SHA-256");
          Artifact artifact = Artifact.getDefaultInstance();
          GetArtifactRequest request = GetArtifactRequest.newBuilder().setJobId(job).setName(name).build();
          try (OutputStream out = Files.newOutputStream(part)) {
            for (Iterator<GetArtifactResponse> responses = jobs.getArtifact(request); responses.hasNext(); ) {
              GetArtifactResponse response = responses.next();
              artifact = response.hasArtifact() ? response.getArtifact() : artifact;
              response.getData().writeTo(out);
              digest.update(response.getData().asReadOnlyByteBuffer());
            }
          }
          if (!HexFormat.of().formatHex(digest.digest()).equals(artifact.getObject().getSha256())) {
            throw Status.DATA_LOSS.withDescription(name + " arrived damaged; download it again").asRuntimeException();
          }
          return Files.move(part, path, StandardCopyOption.REPLACE_EXISTING);
        });
  }

  /** Makes a call again while that may help. All of those used here may be repeated. */
  private static <T> T persist(Callable<T> call) throws Exception {
    for (int failures = 1; ; failures++) {
      try {
        return call.call();
      } catch (StatusRuntimeException error) {
        // OUT_OF_RANGE: a stream that broke has stored its last bytes only now.
        boolean again = mayHelp(error) || error.getStatus().getCode() == Status.Code.OUT_OF_RANGE;
        if (!again || failures == ATTEMPTS) {
          throw error;
        }
        pause(failures, error);
      }
    }
  }

  /** Says whether the connection broke, or the gateway says when to come again. */
  private static boolean mayHelp(StatusRuntimeException error) {
    return error.getStatus().getCode() == Status.Code.UNAVAILABLE || retryMillis(error) > 0;
  }

  private static void pause(int failures, StatusRuntimeException error) throws InterruptedException {
    double wait = Math.min(5000, 200 << failures) * ThreadLocalRandom.current().nextDouble(0.5, 1.0);
    Thread.sleep(Math.max(retryMillis(error), (long) wait));
  }

  /** Returns what google.rpc.RetryInfo says, in milliseconds; 0: nothing. */
  private static long retryMillis(StatusRuntimeException error) {
    com.google.rpc.Status status = StatusProto.fromThrowable(error);
    if (status == null) {
      return 0;
    }
    try {
      for (var detail : status.getDetailsList()) {
        if (detail.is(RetryInfo.class)) {
          return Durations.toMillis(detail.unpack(RetryInfo.class).getRetryDelay());
        }
      }
    } catch (com.google.protobuf.InvalidProtocolBufferException unreadable) {
      return 0;
    }
    return 0;
  }
}
