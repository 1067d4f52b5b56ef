"use strict";

const RATE = 16000; // Hz, of what is recorded here
const by = (id) => document.getElementById(id);
const result = by("result"), welcome = result.innerHTML;
const mostBytes = Number(document.body.dataset.mostBytes);
const sounds = {}; // of a tab: {name, blob}
let tab = "microphone", recorder = null;
let turn = 0; // only the answer to the last question is shown

function show(html) {
  turn += 1;
  result.ariaBusy = "false";
  result.innerHTML = html;
}

function complain(text) {
  show('<div class="message error" role="alert"></div>');
  result.firstChild.textContent = text;
}

async function ask() {
  const query = new URLSearchParams({ model: by("model").value });
  let address = "read", body = by("sentence").value;
  if (tab !== "text") {
    const sound = sounds[tab];
    if (!sound) return complain("Record something or drop a file first.");
    if (sound.blob.size > mostBytes) {
      return complain(`${sound.name} is too large: at most ${mostBytes >> 20} MB are accepted.`);
    }
    [address, body] = ["hear", sound.blob];
    query.set("task", document.querySelector("[name=task]:checked").value);
    query.set("name", sound.name);
  }
  turn += 1;
  const mine = turn;
  result.ariaBusy = "true";
  let text, good;
  try {
    const answer = await fetch(`${address}?${query}`, { method: "POST", body });
    [text, good] = [await answer.text(), answer.ok];
  } catch {
    [text, good] = ["No answer: does atat demo still run?", false];
  }
  if (mine === turn) (good ? show : complain)(text);
}

function keep(source, name, blob) {
  sounds[source] = { name, blob };
  const player = by(source).querySelector(".player");
  player.hidden = false;
  player.firstChild.src = URL.createObjectURL(blob);
  ask();
}

function clear() {
  delete sounds[tab];
  const player = by(tab).querySelector(".player");
  player.hidden = true;
  URL.revokeObjectURL(player.firstChild.src);
  player.firstChild.removeAttribute("src");
  show(welcome);
}

async function record() {
  if (recorder) return recorder.stop();
  if (!navigator.mediaDevices) return complain("The browser gives its microphone to pages of localhost or https only.");
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  } catch (error) {
    return complain(`There is no microphone: ${error.message}`);
  }
  const parts = [];
  recorder = new MediaRecorder(stream);
  recorder.ondataavailable = (event) => parts.push(event.data);
  recorder.onstop = async () => {
    stream.getTracks().forEach((track) => track.stop());
    recorder = null;
    setRecording(false);
    try {
      keep("microphone", "speech.wav", await toWav(new Blob(parts)));
    } catch (error) {
      complain(`Nothing was recorded: ${error.message}`);
    }
  };
  recorder.start();
  setRecording(true);
}

function setRecording(on) {
  by("record").textContent = on ? "Stop" : "Record";
  by("record").classList.toggle("recording", on);
}

// What the browser recorded, which libsndfile may not read, as WAV: mono, 16 bits, 16 kHz.
async function toWav(blob) {
  const sound = await new OfflineAudioContext(1, 1, RATE).decodeAudioData(await blob.arrayBuffer()); // resampled
  const channels = Array.from({ length: sound.numberOfChannels }, (_, channel) => sound.getChannelData(channel));
  const bytes = 2 * sound.length;
  const view = new DataView(new ArrayBuffer(44 + bytes));
  const header = ["RIFF", 36 + bytes, "WAVE", "fmt ", 16, 0x10001, RATE, 2 * RATE, 0x100002, "data", bytes];
  header.forEach((field, n) => {
    if (typeof field === "string") [...field].forEach((letter, i) => view.setUint8(4 * n + i, letter.charCodeAt(0)));
    else view.setUint32(4 * n, field, true);
  });
  for (let i = 0; i < sound.length; i++) {
    const mean = channels.reduce((sum, channel) => sum + channel[i], 0) / channels.length;
    view.setInt16(44 + 2 * i, Math.max(-1, Math.min(1, mean)) * 32767, true);
  }
  return new Blob([view], { type: "audio/wav" });
}

function open(chosen) {
  tab = chosen.getAttribute("aria-controls");
  for (const each of document.querySelectorAll("[role=tab]")) {
    each.ariaSelected = String(each === chosen);
    by(each.getAttribute("aria-controls")).hidden = each !== chosen;
  }
  by("task").hidden = tab === "text";
}

for (const each of document.querySelectorAll("[role=tab]")) each.onclick = () => open(each);
for (const each of document.querySelectorAll(".clear")) each.onclick = clear;
by("record").onclick = record;
by("question").onsubmit = (event) => {
  event.preventDefault();
  ask();
};
const drop = by("drop"), chooser = drop.querySelector("input");
chooser.onchange = () => {
  if (chooser.files.length) keep("upload", chooser.files[0].name, chooser.files[0]);
  chooser.value = ""; // the same file may be chosen again
};
drop.ondragover = (event) => {
  event.preventDefault();
  drop.classList.add("over");
};
drop.ondragleave = () => drop.classList.remove("over");
drop.ondrop = (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  const [file] = event.dataTransfer.files;
  if (file) keep("upload", file.name, file);
};
