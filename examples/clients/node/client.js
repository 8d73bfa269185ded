// The calls that a program needs from a talk to its video: upload, job, events, artifact. Connections may break at any of them.
import { createHash, randomUUID } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { rename, rm, stat } from "node:fs/promises";
import { basename } from "node:path";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import protobuf from "protobufjs";

const CONTRACT = fileURLToPath(new URL("../../../proto", import.meta.url));
const MESSAGE_BYTES = 256 * 1024;
const CALL_MILLISECONDS = 30_000;
const CREATE_MILLISECONDS = 300_000; // the gateway reads the whole file
const ATTEMPTS = 8;
const ENDS = new Set(["JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED"]);
const DETAILS = "grpc-status-details-bin";
// The connection broke, or the gateway goes away: the same call may succeed when it is made again.
const BROKEN = new Set([grpc.status.UNAVAILABLE, grpc.status.CANCELLED]);

const definition = loadSync("s2v/v1/job_service.proto", {
  includeDirs: [CONTRACT],
  keepCase: true,
  longs: Number, // sizes and sequences here are far below 2^53
  enums: String,
  defaults: true,
  oneofs: true,
});
// What an error says besides its text; these messages come with no package of their own.
const errors = protobuf.parse(
  `syntax = "proto3"; package google.rpc;
  message Any { string type_url = 1; bytes value = 2; }
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message Duration { int64 seconds = 1; int32 nanos = 2; }
  message RetryInfo { Duration retry_delay = 1; }`,
  { keepCase: true },
).root;
const [Status, RetryInfo] = ["Status", "RetryInfo"].map((name) => errors.lookupType(`google.rpc.${name}`));
const { JobService } = grpc.loadPackageDefinition(definition).s2v.v1;

/** A connection to a gateway. */
export class Client {
  /** `target` is host:port; `token` an API key or OpenID token; `ca` is PEM: with it, or with `tls`, TLS is spoken. */
  constructor(target, { token = "", tls = false, ca = null } = {}) {
    const credentials = tls || ca ? grpc.credentials.createSsl(ca) : grpc.credentials.createInsecure();
    this.stub = new JobService(target, credentials, {
      "grpc.keepalive_time_ms": 20_000, // a gateway that vanishes without a word is noticed
      "grpc.max_receive_message_length": 64 * 1024 * 1024,
    });
    this.metadata = new grpc.Metadata();
    if (token) this.metadata.set("authorization", `Bearer ${token}`);
  }

  close() {
    this.stub.close();
  }

  /** Makes a unary call, again where that may help. All of those used here may be repeated. */
  async call(method, request, milliseconds = CALL_MILLISECONDS) {
    return persist(
      () =>
        new Promise((resolve, reject) => {
          const deadline = Date.now() + milliseconds;
          this.stub[method](request, this.metadata, { deadline }, (error, response) => (error ? reject(error) : resolve(response)));
        }),
    );
  }

  /** Uploads a file, going on where a broken stream left off, and returns the upload's id. */
  async upload(path, progress = () => {}) {
    const size_bytes = (await stat(path)).size;
    const sha256 = createHash("sha256");
    for await (const data of createReadStream(path)) sha256.update(data);
    const announced = { name: basename(path), size_bytes, sha256: sha256.digest("hex") };
    const { upload_id } = await this.call("StartUpload", announced);
    await persist(async () => {
      const { committed_size, complete } = await this.call("QueryUpload", { upload_id });
      if (!complete) await this.write(path, upload_id, committed_size, (sent) => progress(sent, size_bytes));
    }, [grpc.status.OUT_OF_RANGE]); // a stream that broke has stored its last bytes only now
    return upload_id;
  }

  async write(path, upload_id, start, progress) {
    let answer;
    const answered = new Promise((resolve, reject) => {
      answer = this.stub.WriteUpload(this.metadata, (error, response) => (error ? reject(error) : resolve(response)));
    });
    answered.catch(() => {}); // it is awaited below; the stream may break before
    async function* requests() {
      let write_offset = start;
      for await (const data of createReadStream(path, { start, highWaterMark: MESSAGE_BYTES })) {
        yield { upload_id, write_offset, data };
        write_offset += data.length;
        progress(write_offset);
      }
    }
    await Promise.race([pipeline(requests, answer).catch(() => answered), answered]);
    await answered;
  }

  /** Makes a job of an upload. The same `request_id` gets the same job, however often it is sent. */
  async createJob(upload_id, options = {}, request_id = randomUUID()) {
    return (await this.call("CreateJob", { upload_id, options, request_id }, CREATE_MILLISECONDS)).job;
  }

  /** Yields a job's events to the last one; a stream that breaks is taken up after its last event. */
  async *watch(job_id) {
    let after_sequence = 0;
    for (let attempt = 0; ; ) {
      const stream = this.stub.WatchJob({ job_id, after_sequence }, this.metadata);
      try {
        for await (const { event } of stream) {
          after_sequence = event.sequence;
          attempt = 0;
          yield event;
          if (event.event === "state_changed" && ENDS.has(event.state_changed.state)) return;
        }
      } catch (error) {
        if (!isBroken(error) || ++attempt === ATTEMPTS) throw error;
        await sleep(pause(attempt));
      } finally {
        stream.cancel();
      }
    }
  }

  /** Writes an artifact to `path`, which appears only when the whole is there and its SHA-256 is right. */
  async download(job_id, name, path) {
    const part = `${path}.part`;
    try {
      await persist(async () => {
        let artifact = null;
        const total = createHash("sha256");
        async function* bytes(responses) {
          for await (const response of responses) {
            artifact = response.artifact ?? artifact;
            total.update(response.data);
            yield response.data;
          }
        }
        await pipeline(this.stub.GetArtifact({ job_id, name }, this.metadata), bytes, createWriteStream(part));
        if (artifact.object.sha256 !== total.digest("hex")) throw new Error(`${name} arrived damaged; download it again`);
      });
      await rename(part, path);
    } finally {
      await rm(part, { force: true });
    }
  }
}

/** Does something again while the connection breaks, or when the gateway says when to come again (google.rpc.RetryInfo). */
async function persist(attempt, besides = []) {
  for (let number = 1; ; number++) {
    try {
      return await attempt();
    } catch (error) {
      const wait = retryMilliseconds(error);
      const again = isBroken(error) || besides.includes(error.code) || wait > 0;
      if (!again || number === ATTEMPTS) throw error;
      await sleep(Math.max(wait, pause(number)));
    }
  }
}

/** Says whether the connection broke, or the gateway has as many calls as it takes, which gRPC says without details. */
function isBroken(error) {
  return BROKEN.has(error.code) || (error.code === grpc.status.RESOURCE_EXHAUSTED && !error.metadata?.get(DETAILS).length);
}

/** Returns the wait before another attempt: longer each time, with jitter, at most 5 s. */
function pause(attempt) {
  return Math.min(5000, 200 * 2 ** attempt) * (0.5 + Math.random() / 2);
}

/** Returns what google.rpc.RetryInfo says, in milliseconds; 0: nothing. */
function retryMilliseconds(error) {
  const [bytes] = error.metadata?.get(DETAILS) ?? [];
  if (!bytes) return 0;
  const info = Status.decode(bytes).details.find(({ type_url }) => type_url.endsWith("/google.rpc.RetryInfo"));
  if (!info) return 0;
  const { seconds, nanos } = RetryInfo.toObject(RetryInfo.decode(info.value), { longs: Number, defaults: true }).retry_delay;
  return Math.max(1, seconds * 1000 + nanos / 1e6);
}
