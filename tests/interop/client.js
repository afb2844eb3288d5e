// stompit (npm install stompit) against a broker. See test_clients.py for the arguments and the steps.
const stompit = require("stompit");
const [host, port, login, passcode, queue, version] = process.argv.slice(2);

function check(step, right, what) {
  if (!right) {
    console.error(`${step}: got`, what);
    process.exit(1);
  }
  console.log(step);
}

function connect(passcode) {
  const connectHeaders = { host: "/", login, passcode, "accept-version": version, "heart-beat": "5000,5000" };
  return new Promise((resolve, reject) => {
    stompit.connect({ host, port: Number(port), timeout: 20000, connectHeaders }, (error, client) =>
      error ? reject(error) : resolve(client)
    );
  });
}

const collect = (message) =>
  new Promise((resolve, reject) => {
    const pieces = [];
    message.on("data", (piece) => pieces.push(piece));
    message.on("end", () => resolve(Buffer.concat(pieces)));
    message.on("error", reject);
  });

async function main() {
  const client = await connect(passcode);
  check("connect", true);

  const waiting = [];
  const arrived = [];
  client.on("error", (error) => check("no error", false, error));
  const subscription = client.subscribe(
    { destination: queue, ack: "client-individual", "prefetch-count": "1" },
    async (error, message) => {
      if (error) return check("subscription", false, error);
      const body = await collect(message);
      const entry = { message, body };
      waiting.length ? waiting.shift()(entry) : arrived.push(entry);
    }
  );
  const next = () => (arrived.length ? Promise.resolve(arrived.shift()) : new Promise((resolve) => waiting.push(resolve)));
  const sent = (headers, body) =>
    new Promise((resolve) => client.send({ destination: queue, ...headers }, { onReceipt: resolve }).end(body));

  async function roundtrip(step, body) {
    const [entry] = await Promise.all([next(), sent({ "content-length": body.length }, body)]);
    check(step, entry.body.equals(body), entry.body);
    return entry.message;
  }

  client.ack(await roundtrip("text", Buffer.from("grüße")));
  client.ack(await roundtrip("binary", Buffer.from([...Array(256).keys()])));
  client.ack(await roundtrip("empty", Buffer.alloc(0)));
  if (version !== "1.0") {
    client.nack(await roundtrip("nack", Buffer.from("refused")), { requeue: "false" });
  }

  for (const end of ["abort", "commit"]) {
    const transaction = client.begin();
    transaction.send({ destination: queue }).end(end);
    await new Promise((resolve) => transaction[end]({ onReceipt: resolve }));
  }
  const committed = await next();
  check("transactions", committed.body.toString() === "commit", committed.body.toString());
  client.ack(committed.message);
  subscription.unsubscribe();
  await new Promise((resolve, reject) => client.disconnect((error) => (error ? reject(error) : resolve())));
  check("disconnect", true);

  // Where the broker leaves the connection open, an error of the ERROR's body comes that nobody can catch.
  const uncaught = new Promise((resolve) => process.once("uncaughtException", resolve));
  const refusal = await Promise.race([connect("wrong").then(() => null, (error) => error), uncaught]);
  check("refused", refusal, "a connection");
}

main().then(() => process.exit(0), (error) => check("all steps", false, error));
