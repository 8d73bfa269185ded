import { Client } from "./client.js";

const $ = (id) => document.getElementById(id);
const UPLOAD_SHARE = 0.1; // of the bar
const STAGES = ["STAGE_TRANSCRIPTION", "STAGE_ANALYSIS", "STAGE_LAYOUT", "STAGE_RENDERING"];
const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);
let running = false;
let shown = []; // URLs of blobs

const gateway = new URLSearchParams(location.search).get("gateway");
if (gateway !== null && mayBeNamed(gateway)) $("gateway").value = gateway;

$("form").addEventListener("submit", (event) => {
  event.preventDefault();
  run(async (client) => {
    const upload = await client.upload($("talk").files[0], (sent, total) => ($("progress").value = (UPLOAD_SHARE * sent) / total));
    const job = await client.createJob(upload, { height: 720 });
    history.replaceState(null, "", `#job=${job.id}`); // whoever loads the page again goes on with it
    await follow(client, job);
  });
});
$("token").addEventListener("change", resume); // the key that its job wants
addEventListener("hashchange", () => location.reload());
resume();

/** Goes on with the job that the page's address names. */
function resume() {
  const jobId = new URLSearchParams(location.hash.slice(1)).get("job");
  if (jobId && /^[0-9A-Z]{26}$/.test(jobId)) run(async (client) => follow(client, await client.getJob(jobId)));
}

/** Does one thing at a time, from an empty page on. */
async function run(work) {
  if (running) return;
  running = $("make").disabled = true;
  $("progress").value = 0;
  $("log").replaceChildren();
  $("result").replaceChildren();
  shown.forEach((url) => URL.revokeObjectURL(url));
  shown = [];
  try {
    await work(new Client($("gateway").value, $("token").value));
  } catch (error) {
    say(error.message, "bad");
  } finally {
    running = $("make").disabled = false;
    $("cancel").hidden = true;
  }
}

/** Shows what happens to a job, and its video. */
async function follow(client, job) {
  say(`Job ${job.id}: ${job.sourceSeconds.toFixed(1)} s of sound`);
  $("cancel").onclick = () => client.cancelJob(job.id).catch((error) => say(error.message, "bad"));
  $("cancel").hidden = false;
  const done = new Map(); // share of each stage's parts that are done
  for await (const { partFinished, stageFinished, attemptFailed } of client.watch(job.id)) {
    if (partFinished) done.set(partFinished.stage, partFinished.partsDone / partFinished.partsTotal);
    if (stageFinished) {
      done.set(stageFinished.report.stage, 1); // what was made before has no parts
      say(`${title(stageFinished.report.stage)} is done`);
    }
    if (attemptFailed) say(`${title(attemptFailed.stage)}: ${attemptFailed.error.message}`, "bad");
    const share = STAGES.reduce((sum, stage) => sum + (done.get(stage) ?? 0), 0) / STAGES.length;
    $("progress").value = UPLOAD_SHARE + (1 - UPLOAD_SHARE) * share;
  }
  $("cancel").hidden = true;
  const ended = await client.getJob(job.id);
  if (ended.state === "JOB_STATE_CANCELLED") throw new Error("the job is cancelled");
  if (ended.state !== "JOB_STATE_SUCCEEDED") throw new Error(ended.error?.message ?? `the job is ${ended.state}`);
  $("progress").value = 1;
  await show(client, ended);
}

async function show(client, job) {
  const video = document.createElement("video");
  video.controls = true;
  video.src = keep(await client.artifact(job.id, "video.mp4"));
  const download = document.createElement("a");
  download.href = video.src;
  download.download = `${job.sourceName.replace(/\.[^.]*$/, "")}.mp4`;
  download.textContent = "Download the video";
  if (job.artifacts.some(({ name }) => name === "captions.vtt")) {
    const track = document.createElement("track");
    track.kind = "captions";
    track.label = "Captions";
    track.src = keep(await client.artifact(job.id, "captions.vtt"));
    video.append(track);
  }
  $("result").append(video, download);
  await new Promise((resolve, reject) => {
    video.addEventListener("loadedmetadata", resolve);
    video.addEventListener("error", () => reject(new Error("the browser cannot play the video")));
  });
  say(`The video is ${video.duration.toFixed(1)} s long`);
}

/** Returns a blob's URL, which is good until something else is shown. */
function keep(blob) {
  const url = URL.createObjectURL(blob);
  shown.push(url);
  return url;
}

/** Says whether a link may name a gateway, to which a typed key goes: this page's own origin, and this machine. */
function mayBeNamed(address) {
  if (!URL.canParse(address)) return false;
  const { origin, hostname } = new URL(address);
  return origin === location.origin || LOOPBACK.has(hostname);
}

function title(stage) {
  const name = stage.replace("STAGE_", "").toLowerCase();
  return name[0].toUpperCase() + name.slice(1);
}

function say(text, kind = "") {
  const line = document.createElement("li");
  line.textContent = text; // never as HTML: names and messages come from a file
  line.className = kind;
  $("log").append(line);
}
