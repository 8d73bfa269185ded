// What elk-worker.min.js expects of its surroundings, in a V8 without browser or Node. It is evaluated before that file.
//
// The worker posts its answers through setTimeout. Its timers are queued and run by `elkLayout`, so that a layout is one
// synchronous call which a time-out can stop.
var window = undefined;
var self = undefined;
var global = globalThis;
var elkTimers = [];
var setTimeout = function (callback) {
  elkTimers.push(callback);
  return elkTimers.length;
};
var clearTimeout = function () {};
var console = { log: function () {}, error: function () {}, warn: function () {} };
var module = { exports: {} };
var exports = module.exports;

function elkStart(algorithms) {
  var Worker = module.exports.Worker || module.exports.default;
  globalThis.elkWorker = new Worker("");
  return elkPost({ id: 0, cmd: "register", algorithms: algorithms });
}

function elkLayout(graph, options) {
  return elkPost({ id: 1, cmd: "layout", graph: graph, layoutOptions: options, options: {} });
}

// Leaves out the hash codes that ELK notes in each object: they count on from layout to layout. Of an error, the message stays.
function elkPlain(key, value) {
  if (key === "$H") {
    return undefined;
  }
  return key === "error" && value ? { type: String(value.type || ""), message: String(value.message || value) } : value;
}

function elkPost(message) {
  var answer = null;
  elkTimers.length = 0;
  elkWorker.onmessage = function (event) {
    answer = event.data;
  };
  elkWorker.postMessage(message);
  while (elkTimers.length > 0) {
    elkTimers.shift()();
  }
  return JSON.stringify(answer, elkPlain);
}
