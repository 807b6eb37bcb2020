// BullMQ, as the driver of the queue scenario runs it: one producer, or one worker.
//
//     jobs.js produce one|bulk FIRST COUNT      prints the seconds that adding took, connecting not counted
//     jobs.js work plain|default|tuned          runs one worker until it is killed
//
// PEER_REDIS, PEER_BYTES, PEER_WORK_MS and PEER_LOG are as in common/job.py.

"use strict";

const { Queue, Worker } = require("bullmq");
const fs = require("node:fs");

const BULK = 500;
const AT_ONCE = 50;
// The guide's stalled-jobs page: a lock that is not renewed for lockDuration marks a job as stalled, and every
// stalledInterval stalled jobs go back. maxStalledCount 1 fails a job whose second worker dies too.
const SETTINGS = {
  plain: {},
  default: {},
  tuned: { lockDuration: 3000, stalledInterval: 1000, maxStalledCount: 3 },
};

const at = new URL(process.env.PEER_REDIS);
const connection = {
  host: at.hostname,
  port: Number(at.port),
  username: decodeURIComponent(at.username) || undefined,
  password: decodeURIComponent(at.password) || undefined,
  db: Number(at.pathname.slice(1) || 0),
};

async function produce(how, first, count) {
  const queue = new Queue("peer", { connection });
  await queue.waitUntilReady();
  const body = "x".repeat(Number(process.env.PEER_BYTES));
  const job = (number) => ({ name: "run", data: { number, body } });
  const began = process.hrtime.bigint();
  if (how === "bulk") {
    for (let done = 0; done < count; done += BULK) {
      const length = Math.min(BULK, count - done);
      await queue.addBulk(Array.from({ length }, (_, at) => job(first + done + at)));
    }
  } else {
    for (let number = first; number < first + count; number += 1) {
      const { name, data } = job(number);
      await queue.add(name, data);
    }
  }
  console.log(Number(process.hrtime.bigint() - began) / 1e9);
  await queue.close();
}

function work(settings) {
  const log = process.env.PEER_LOG ? fs.openSync(process.env.PEER_LOG, "a") : null;
  const pause = Number(process.env.PEER_WORK_MS || 0);
  // One short write to a file opened for appending: lines of several processes do not mix.
  const note = (what, number) => fs.writeSync(log, `${what} ${number} ${process.pid}\n`);
  const run = async (job) => {
    const { number } = job.data;
    if (log !== null) {
      note("b", number);
      await new Promise((resolve) => setTimeout(resolve, pause));
      note("e", number);
    }
    return number;
  };
  const worker = new Worker("peer", run, { connection, concurrency: AT_ONCE, ...SETTINGS[settings] });
  worker.on("error", (error) => console.error(error));
}

const [command, ...rest] = process.argv.slice(2);
if (command === "produce") {
  produce(rest[0], Number(rest[1]), Number(rest[2])).catch((error) => {
    console.error(error);
    process.exit(1);
  });
} else {
  work(rest[0]);
}
