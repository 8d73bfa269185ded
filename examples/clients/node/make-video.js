// node make-video.js TALK VIDEO [GATEWAY]: makes a video of a talk. S2V_TOKEN and S2V_CLIENT_CA say who calls, and over which TLS.
import { readFileSync } from "node:fs";
import { Client } from "./client.js";

const [talk, video, target = "127.0.0.1:50050"] = process.argv.slice(2);
if (!video) {
  console.error("usage: node make-video.js TALK VIDEO [GATEWAY]");
  process.exit(2);
}
const { S2V_TOKEN, S2V_CLIENT_CA, S2V_CLIENT_TLS } = process.env;
const client = new Client(target, {
  token: S2V_TOKEN,
  tls: S2V_CLIENT_TLS === "on",
  ca: S2V_CLIENT_CA ? readFileSync(S2V_CLIENT_CA) : null,
});
try {
  const upload = await client.upload(talk, (sent, total) => console.log(`${sent} of ${total} bytes are sent`));
  const job = await client.createJob(upload, { height: 720, frame_rate: 24 });
  console.log(`job ${job.id}: ${job.source_seconds.toFixed(1)} s of sound`);
  for await (const event of client.watch(job.id)) console.log(describe(event));
  const ended = (await client.call("GetJob", { job_id: job.id })).job;
  if (ended.state !== "JOB_STATE_SUCCEEDED") throw new Error(ended.error?.message ?? `the job is ${ended.state}`);
  await client.download(job.id, "video.mp4", video);
  console.log(`the video is ${video}`);
} catch (error) {
  console.error(error.details ?? error.message);
  process.exitCode = 1;
} finally {
  client.close();
}

/** Says an event in a line. */
function describe({ event, [event]: what }) {
  switch (event) {
    case "state_changed":
      return `the job is ${what.state}`;
    case "stage_started":
      return `${what.stage}: started, ${what.parts_total} parts`;
    case "part_finished":
      return `${what.stage}: ${what.parts_done} of ${what.parts_total} parts`;
    case "stage_finished":
      return `${what.report.stage}: done in ${what.report.wall_seconds.toFixed(1)} s`;
    case "attempt_failed":
      return `${what.stage}: attempt ${what.attempt} failed: ${what.error.message}`;
    default:
      return event;
  }
}
