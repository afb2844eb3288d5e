// The echo client with stompit (npm install stompit). See stomp_socket_client.py.
const stompit = require("stompit");
const url = new URL(process.env.STOMP_URL);
const version = process.env.STOMP_VERSION;
const end = (error) => {
  console.error(`stompit_client: ${error.message}`);
  process.exit(1);
};

const connectHeaders = {
  host: "/", login: url.username, passcode: url.password, "accept-version": version, "heart-beat": "1000,1000",
};
stompit.connect({ host: url.hostname, port: Number(url.port), connectHeaders }, (error, client) => {
  if (error) return end(error);
  client.on("error", end);
  const ack = version === "1.0" ? "client" : "client-individual";
  client.subscribe({ destination: "/queue/conformance", ack }, (error, message) => {
    if (error) return end(error);
    const pieces = [];
    message.on("data", (piece) => pieces.push(piece));
    message.on("end", () => {
      const body = Buffer.concat(pieces);
      if (body.toString() === "bye") {
        client.ack(message);
        client.disconnect(() => process.exit(0));
        return;
      }
      const { echo, reveal } = message.headers;
      const sent = reveal === undefined ? body : Buffer.from(reveal);
      const headers = { destination: "/queue/echo", "content-length": sent.length };
      client.send(echo === undefined ? headers : { ...headers, echo }).end(sent);
      client.ack(message);
    });
  });
});
