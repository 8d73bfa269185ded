// The gateway's HTTP front (docs/http.md): upload, job, events, artifact. Connections may break at any of them.
const PIECE_BYTES = 4 * 1024 * 1024;
const ATTEMPTS = 6;
const PROXY_TROUBLE = new Set([502, 503, 504]); // what a proxy answers while the gateway is away
const ENDS = new Set(["JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED"]);

/** What the gateway answered instead of doing it. */
export class GatewayError extends Error {
  constructor({ message, status, details = [] }, httpStatus, retrySeconds) {
    super(message);
    this.status = status;
    this.httpStatus = httpStatus;
    this.reason = details.find((detail) => detail.reason)?.reason ?? status;
    this.retrySeconds = retrySeconds;
  }
}

export class Client {
  /** `gateway` is the address of the HTTP front; `token` an API key or OpenID token, or empty. */
  constructor(gateway, token = "") {
    this.gateway = gateway.replace(/\/+$/, "");
    this.headers = token ? { authorization: `Bearer ${token}` } : {};
  }

  /** Uploads a file in pieces, each of which may be sent again, and returns the upload's id. */
  async upload(file, progress = () => {}) {
    const { uploadId } = await this.call("POST", "/v1/uploads", { name: file.name, sizeBytes: file.size });
    let offset = 0;
    let failures = 0;
    while (offset < file.size) {
      try {
        const piece = file.slice(offset, offset + PIECE_BYTES);
        const response = await this.send("PUT", `/v1/uploads/${uploadId}?offset=${offset}`, { body: piece });
        offset = Number((await response.json()).committedSize);
        failures = 0;
      } catch (error) {
        // The connection broke, or a piece had arrived although its answer had not: ask, and go on from there.
        if (!mayHelp(error) && error.status !== "OUT_OF_RANGE") throw error;
        if (++failures === ATTEMPTS) throw error;
        await pause(failures, error);
        offset = Number((await this.call("GET", `/v1/uploads/${uploadId}`)).committedSize ?? 0);
      }
      progress(offset, file.size);
    }
    return uploadId;
  }

  /** Makes a job of an upload. The same `requestId` gets the same job, however often it is sent. */
  async createJob(uploadId, options = {}, requestId = makeId()) {
    return (await this.call("POST", "/v1/jobs", { uploadId, options, requestId })).job;
  }

  async getJob(jobId) {
    return (await this.call("GET", `/v1/jobs/${jobId}`)).job;
  }

  /** Cancels a job; one that has ended stays as it is. */
  async cancelJob(jobId) {
    return (await this.call("POST", `/v1/jobs/${jobId}:cancel`, {})).job;
  }

  /** Yields a job's events to the last one. `fetch` and not `EventSource`, which can send no token. */
  async *watch(jobId) {
    let after = "0";
    for (let failures = 0; ; ) {
      try {
        const response = await this.send("GET", `/v1/jobs/${jobId}/events?afterSequence=${after}`);
        for await (const { id, event, data } of readEvents(response.body)) {
          if (event === "error") throw new GatewayError(JSON.parse(data).error, 0, 0);
          after = id;
          failures = 0;
          const happened = JSON.parse(data);
          yield happened;
          if (ENDS.has(happened.stateChanged?.state)) return;
        }
        throw new TypeError("the events broke off");
      } catch (error) {
        if (!mayHelp(error) || ++failures === ATTEMPTS) throw error;
        await pause(failures, error);
      }
    }
  }

  /** Returns an artifact as a Blob. */
  async artifact(jobId, name) {
    return persist(async () => (await this.send("GET", `/v1/jobs/${jobId}/artifacts/${encodeURIComponent(name)}`)).blob());
  }

  async call(method, path, message) {
    const json = message && { body: JSON.stringify(message), headers: { "content-type": "application/json" } };
    return persist(async () => (await this.send(method, path, json)).json());
  }

  async send(method, path, { body, headers } = {}) {
    const response = await fetch(this.gateway + path, { method, body, headers: { ...this.headers, ...headers } });
    if (response.ok) return response;
    const text = await response.text();
    let error = { message: `${response.status} ${text.slice(0, 200)}`, status: "UNKNOWN" };
    try {
      error = JSON.parse(text).error ?? error;
    } catch {
      // a proxy's own page
    }
    throw new GatewayError(error, response.status, Number(response.headers.get("retry-after") ?? 0) || 0);
  }
}

/** Does something, again while that may help: all that is done here may be repeated. */
async function persist(attempt) {
  for (let failures = 0; ; ) {
    try {
      return await attempt();
    } catch (error) {
      if (!mayHelp(error) || ++failures === ATTEMPTS) throw error;
      await pause(failures, error);
    }
  }
}

/** `fetch` fails with a TypeError when the connection does. */
function mayHelp(error) {
  return error instanceof TypeError || error.status === "UNAVAILABLE" || PROXY_TROUBLE.has(error.httpStatus) || error.retrySeconds > 0;
}

function pause(failures, { retrySeconds = 0 }) {
  const seconds = Math.max(retrySeconds, Math.min(5, 0.2 * 2 ** failures) * (0.5 + Math.random() / 2));
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

/** `crypto.randomUUID` is there on https and localhost only. */
function makeId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function* readEvents(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    for (let end; (end = text.indexOf("\n\n")) >= 0; text = text.slice(end + 2)) {
      const lines = text.slice(0, end).split("\n").filter((line) => !line.startsWith(":"));
      if (lines.length) yield Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]));
    }
  }
}
