// A function in another language: counts the words of `inputs.text`. No dependencies: `node function.mjs`, with $PORT.
// What it has to do is in docs/reference/protocol.md.

import { createServer } from "node:http";

const { PORT = "8080", HOST = "127.0.0.1", ENGINE_URL } = process.env;
const MAX_BODY = 128 * 1024;
const answers = new Map(); // flumekey -> promise of {type, data}: the work is done once, however often it is ordered
const KEEP_MS = 10 * 60 * 1000;

const lengthOf = (text) => [...text].length; // in characters; JavaScript's own length counts UTF-16 units

async function execute({ config, inputs }, progress) {
  if (typeof inputs.text !== "string") throw Object.assign(new Error("inputs.text is not text"), { code: "bad-input" });
  progress(`counting ${lengthOf(inputs.text)} characters`);
  const words = inputs.text.split(/\s+/u).filter((word) => lengthOf(word) >= (config.shortest ?? 1));
  return { words: words.length };
}

async function work(order, send) {
  let offset = 0;
  const progress = (text) => {
    send({ offset, text, logs: [] });
    offset += lengthOf(text);
  };
  const alive = setInterval(() => progress(""), 5000);
  try {
    return { type: "dev.flume.node.completed", data: { output: await execute(order, progress) } };
  } catch (error) {
    const { code = "exception", message, retryable = false } = error;
    return { type: "dev.flume.node.failed", data: { error: { code, message, retryable } } };
  } finally {
    clearInterval(alive);
  }
}

function headersOf(request, type) {
  const same = ["ce-id", "ce-subject", "ce-flumerun", "ce-flumenode", "ce-flumeattempt", "ce-partitionkey", "ce-traceparent"];
  const kept = Object.fromEntries(same.filter((name) => request.headers[name]).map((name) => [name, request.headers[name]]));
  const source = `/flume/functions/${request.headers["ce-flumenodetype"]}`;
  return { ...kept, "ce-specversion": "1.0", "ce-source": source, "ce-type": type, "content-type": "application/json" };
}

async function invoke(request, body) {
  if (request.headers["ce-type"] !== "dev.flume.node.invoke") return [400, {}, "expected an invoke event in binary mode"];
  if (request.headers["ce-dataref"]) return [413, {}, "this function takes no data that is kept apart"];
  const order = JSON.parse(body);
  const send = (said) => {
    if (!ENGINE_URL) return;
    const headers = headersOf(request, "dev.flume.node.progress");
    const sent = fetch(`${ENGINE_URL}/events`, { method: "POST", headers, body: JSON.stringify({ ...said, token: order.token }) });
    sent.catch(() => {}); // without it the answer still counts
  };
  const key = request.headers["ce-flumekey"];
  if (!answers.has(key)) {
    answers.set(key, work(order, send));
    setTimeout(() => answers.delete(key), KEEP_MS).unref();
  }
  const { type, data } = await answers.get(key);
  return [200, headersOf(request, type), JSON.stringify({ ...data, logs: [], token: order.token })];
}

const server = createServer((request, response) => {
  const chunks = [];
  let size = 0;
  const answer = (status, headers, text) => response.writeHead(status, headers).end(text);
  request.on("data", (chunk) => (size += chunk.length) <= MAX_BODY && chunks.push(chunk));
  request.on("end", () => {
    if (request.url === "/healthz" || request.url === "/readyz") return answer(200, {}, "ok\n");
    if (request.method !== "POST" || request.url !== "/") return answer(404, {}, "a function takes events at POST /");
    if (size > MAX_BODY) return answer(413, {}, `an event has ${MAX_BODY} bytes at most`);
    invoke(request, Buffer.concat(chunks).toString()).then(
      (found) => answer(...found),
      (error) => answer(400, {}, error.message),
    );
  });
});

process.on("SIGTERM", () => server.close(() => process.exit(0)));
server.listen(Number(PORT), HOST, () => console.log(`listening on http://${HOST}:${server.address().port}/`));
