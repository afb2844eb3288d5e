// The echo client with @stomp/stompjs (npm install @stomp/stompjs). See stomp_socket_client.py.
// stompjs speaks through a WebSocket; here it gets the bytes of a TCP connection in place of its messages.
const net = require("net");
const { Client, Versions } = require("@stomp/stompjs");
const url = new URL(process.env.STOMP_URL);
const version = process.env.STOMP_VERSION;

class TcpSocket {
  constructor() {
    this.readyState = 0; // CONNECTING, as in the interface of WebSocket
    this.binaryType = "arraybuffer";
    this.tcp = net.connect(Number(url.port), url.hostname, () => {
      this.readyState = 1;
      this.onopen();
    });
    this.tcp.on("data", (data) => this.onmessage({ data: new Uint8Array(data).buffer }));
    this.tcp.on("error", () => {});
    this.tcp.on("close", () => {
      this.readyState = 3;
      this.onclose({ code: 1006, reason: "", wasClean: false });
    });
  }
  send(data) {
    this.tcp.write(typeof data === "string" ? data : new Uint8Array(data));
  }
  close() {
    this.readyState = 2;
    this.tcp.end();
  }
}

const client = new Client({
  webSocketFactory: () => new TcpSocket(),
  stompVersions: new Versions([version]),
  connectHeaders: { host: "/", login: url.username, passcode: url.password },
  heartbeatIncoming: 1000,
  heartbeatOutgoing: 1000,
  reconnectDelay: 0,
});
let leaving = false;
client.onStompError = (frame) => {
  console.error(`stompjs_client: ${frame.headers.message}`);
  process.exit(1);
};
client.onWebSocketClose = () => process.exit(leaving ? 0 : 1);
client.onConnect = () => {
  const ack = version === "1.0" ? "client" : "client-individual";
  const echo = (message) => {
    if (leaving) return;
    if (message.body === "bye") {
      leaving = true;
      message.ack();
      client.deactivate();
      return;
    }
    const { echo, reveal } = message.headers;
    const headers = echo === undefined ? {} : { echo };
    const body = reveal === undefined ? { binaryBody: message.binaryBody } : { body: reveal };
    client.publish({ destination: "/queue/echo", headers, ...body });
    message.ack();
  };
  client.subscribe("/queue/conformance", echo, { ack });
};
client.activate();
