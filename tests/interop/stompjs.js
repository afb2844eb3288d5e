// @stomp/stompjs, the client of browsers, against a broker's WebSocket: the same program in a page and on node.
// Its argument is the address of the test's HTTP server, which has the cases, cuts connections, and gets the results.
// A result is the list of steps that a case has passed, and what failed, if something did.

// Characters of two and three bytes. One of four is two halves in JavaScript, and splitLargeFrames may separate them.
const large = (size) => "grüße € ".repeat(Math.ceil(size / 12));
const everyByte = (size) => Uint8Array.from({ length: size }, (_, index) => index % 256);

async function run(StompJs, place, options) {
  const passed = [];
  const call = (action) => fetch(`${place}/${action}?case=${options.name}`, { method: "POST" });
  const waiting = [];
  const arrived = [];
  let connections = 0;
  let subscribed = () => {};
  let disconnected = false;
  let closes = 0;

  let fail;
  const failed = new Promise((_, reject) => (fail = reject));
  failed.catch(() => {});
  const step = async (name, promise) => {
    const late = new Promise((_, reject) => setTimeout(() => reject(new Error(`${name}: nothing came`)), 60000));
    const value = await Promise.race([promise, failed, late]);
    passed.push(name);
    return value;
  };
  const check = (right, what) => {
    if (!right) throw new Error(what);
  };

  const client = new StompJs.Client({
    brokerURL: options.url,
    connectHeaders: { login: options.login, passcode: options.passcode },
    reconnectDelay: 50,
    heartbeatIncoming: options.heartBeats ? 2000 : 0, // it tolerates twice as much
    heartbeatOutgoing: options.heartBeats ? 2000 : 0,
    splitLargeFrames: options.splitLargeFrames,
    maxWebSocketChunkSize: 1024,
    forceBinaryWSFrames: options.forceBinaryWSFrames,
    onStompError: (frame) => fail(new Error(`ERROR ${frame.headers.message}`)),
    onDisconnect: () => (disconnected = true),
    onWebSocketClose: () => (closes += 1),
    onConnect: () => {
      connections += 1;
      client.watchForReceipt(`subscribed-${connections}`, () => subscribed());
      client.subscribe(
        options.queue,
        (message) => (waiting.length ? waiting.shift()(message) : arrived.push(message)),
        { ack: "client-individual", receipt: `subscribed-${connections}` }
      );
    },
  });
  const next = () => (arrived.length ? Promise.resolve(arrived.shift()) : new Promise((resolve) => waiting.push(resolve)));
  const nextSubscription = () => new Promise((resolve) => (subscribed = resolve));
  let receipts = 0;
  const confirmed = (send) =>
    new Promise((resolve) => {
      const receipt = `r-${++receipts}`;
      client.watchForReceipt(receipt, resolve);
      send({ receipt });
    });
  const acknowledged = (message) => confirmed((headers) => message.ack(headers));
  const sent = (parameters) =>
    confirmed((headers) => client.publish({ destination: options.queue, headers, ...parameters }));

  try {
    const first = nextSubscription();
    client.activate();
    await step("connect", first);
    check(client.connectedVersion === "1.2", `version ${client.connectedVersion}`);

    await step("texts", (async () => {
      for (let number = 0; number < 100; number++) client.publish({ destination: options.queue, body: `é ${number}` });
      for (let number = 0; number < 100; number++) {
        const message = await next();
        check(message.body === `é ${number}`, `expected é ${number}, got ${message.body}`);
        await acknowledged(message);
      }
    })());

    await step("large", (async () => {
      const body = large(options.large);
      const [message] = await Promise.all([next(), sent({ body })]);
      check(message.body === body, `a text of ${message.body.length} characters came back`);
      await acknowledged(message);
    })());

    if (options.bytes) {
      await step("bytes", (async () => {
        for (const size of [256, options.large]) {
          const body = everyByte(size);
          const [message] = await Promise.all([next(), sent({ binaryBody: body })]);
          check(message.binaryBody.length === size, `${message.binaryBody.length} bytes came back`);
          check(message.binaryBody.every((value, index) => value === body[index]), "other bytes came back");
          await acknowledged(message);
        }
      })());
    }

    if (options.heartBeats) await step("heart-beats", call("heart-beats"));

    await step("cut", (async () => {
      const again = nextSubscription();
      const before = closes;
      await call("cut");
      await again;
      check(closes > before && connections >= 2, "the connection was not cut");
      const [message] = await Promise.all([next(), sent({ body: "after the cut" })]);
      check(message.body === "after the cut", message.body);
      await acknowledged(message);
    })());

    await step("disconnect", client.deactivate());
    check(disconnected === options.disconnectReceipt, `DISCONNECT was confirmed: ${disconnected}`);
    return { name: options.name, passed, error: null };
  } catch (error) {
    client.deactivate({ force: true });
    return { name: options.name, passed, error: String(error && error.message) };
  }
}

async function runAll(StompJs, place) {
  const cases = await (await fetch(`${place}/cases`, { method: "POST" })).json();
  const runOne = async (options) => {
    const result = await run(StompJs, place, options);
    await fetch(`${place}/result`, { method: "POST", body: JSON.stringify(result) });
  };
  await Promise.all(cases.map(runOne));
  await fetch(`${place}/end`, { method: "POST" });
}

if (typeof window === "undefined") {
  globalThis.WebSocket = require("ws");
  runAll(require("@stomp/stompjs"), process.argv[2]).then(() => process.exit(0));
} else {
  runAll(window.StompJs, location.origin);
}
