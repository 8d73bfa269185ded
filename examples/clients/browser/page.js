import { Client } from "./client.js";

const $ = (id) => document.getElementById(id);
const UPLOAD_SHARE = 0.1; // of the bar
const STAGES = ["STAGE_TRANSCRIPTION", "STAGE_ANALYSIS", "STAGE_LAYOUT", "STAGE_RENDERING"];
const parameters = new URLSearchParams(location.search);
if (parameters.has("gateway")) $("gateway").value = parameters.get("gateway");

$("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  $("make").disabled = true;
  $("log").replaceChildren();
  $("result").replaceChildren();
  try {
    await makeVideo(new Client($("gateway").value, $("token").value), $("talk").files[0]);
  } catch (error) {
    say(error.message, "bad");
  } finally {
    $("make").disabled = false;
  }
});

async function makeVideo(client, talk) {
  const upload = await client.upload(talk, (sent, total) => ($("progress").value = (UPLOAD_SHARE * sent) / total));
  const job = await client.createJob(upload, { height: 720 });
  say(`Job ${job.id}: ${job.sourceSeconds.toFixed(1)} s of sound`);
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
  const ended = await client.getJob(job.id);
  if (ended.state !== "JOB_STATE_SUCCEEDED") throw new Error(ended.error?.message ?? `the job is ${ended.state}`);
  const video = document.createElement("video");
  video.controls = true;
  video.src = URL.createObjectURL(await client.artifact(job.id, "video.mp4"));
  $("result").append(video);
  await new Promise((resolve, reject) => {
    video.addEventListener("loadedmetadata", resolve);
    video.addEventListener("error", () => reject(new Error("the browser cannot play the video")));
  });
  say(`The video is ${video.duration.toFixed(1)} s long`);
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
