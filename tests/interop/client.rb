# The stomp gem (Debian: ruby-stomp) against a broker. See test_clients.py for the arguments and the steps.
require "stomp"

HOST, PORT, LOGIN, PASSCODE, QUEUE, VERSION = ARGV
$stdout.sync = true

def check(step, right, what = nil)
  abort("#{step}: got #{what.inspect}") unless right
  puts step
end

def open_connection(passcode)
  headers = VERSION == "1.0" ? {} : { "accept-version" => VERSION, "host" => "/" }
  Stomp::Connection.new(
    hosts: [{ login: LOGIN, passcode: passcode, host: HOST, port: PORT.to_i }],
    reliable: false, connect_timeout: 20, start_timeout: 20, connect_headers: headers
  )
end

$conn = open_connection(PASSCODE)
check("connect", $conn.connection_frame.command == "CONNECTED", $conn.connection_frame)
check("version", $conn.protocol == VERSION, $conn.protocol)
mode = VERSION == "1.0" ? "client" : "client-individual"
$conn.subscribe(QUEUE, { "id" => "s", "ack" => mode, "prefetch-count" => "1" }, "s")

# A receipt and a message may come in either order.
$receipts = {}
def message
  loop do
    frame = $conn.receive
    return frame if frame.command == "MESSAGE"
    check("an unexpected frame", frame.command == "RECEIPT", frame) unless frame.command == "RECEIPT"
    $receipts[frame.headers["receipt-id"]] = true
  end
end

def receipt(id)
  until $receipts[id]
    frame = $conn.receive
    abort("expected RECEIPT #{id}, got #{frame}") unless frame.command == "RECEIPT"
    $receipts[frame.headers["receipt-id"]] = true
  end
end

def settle(verb, frame, receipt_id, more = {})
  id = VERSION == "1.2" ? frame.headers["ack"] : frame.headers["message-id"]
  $conn.public_send(verb, id, { "subscription" => "s", "receipt" => receipt_id }.merge(more))
  receipt(receipt_id)
end

def roundtrip(step, body)
  $conn.publish(QUEUE, body, { "receipt" => "send-#{step}" })
  frame = message
  receipt("send-#{step}")
  check(step, frame.body.b == body.b, frame)
  frame
end

settle(:ack, roundtrip("text", "grüße"), "a1")
settle(:ack, roundtrip("binary", (0..255).map(&:chr).join.b), "a2")
settle(:ack, roundtrip("empty", ""), "a3")
settle(:nack, roundtrip("nack", "refused"), "n1", "requeue" => "false") unless VERSION == "1.0"

%w[abort commit].each do |ending|
  $conn.begin("t-#{ending}")
  $conn.publish(QUEUE, ending, { "transaction" => "t-#{ending}" })
  $conn.public_send(ending, "t-#{ending}", { "receipt" => ending })
end
committed = message
check("transactions", committed.body == "commit", committed)
settle(:ack, committed, "a4")

$conn.unsubscribe(QUEUE, { "id" => "s" }, "s")
$conn.disconnect({ "receipt" => "bye" })
check("disconnect", $conn.disconnect_receipt.headers["receipt-id"] == "bye", $conn.disconnect_receipt)

begin
  refused = open_connection("wrong")
  check("refused", refused.connection_frame.command == "ERROR", refused.connection_frame)
rescue Stomp::Error::ProtocolException, Stomp::Error::StompException, RuntimeError => error
  check("refused", true, error)
end
