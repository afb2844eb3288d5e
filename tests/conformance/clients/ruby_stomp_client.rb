# The echo client with the stomp gem (Debian: ruby-stomp). See stomp_socket_client.py.
require "stomp"
require "uri"

url = URI(ENV["STOMP_URL"])
version = ENV["STOMP_VERSION"]
# It asks for no heart-beats: with them gem 1.4.10 raises NoMethodError when CONNECTED has no header heart-beat, which is
# legal, and nothing else could be tested.
connect_headers = version == "1.0" ? {} : { "accept-version" => version, "host" => "/" }
begin
  conn = Stomp::Connection.new(
    hosts: [{ login: url.user, passcode: url.password, host: url.host, port: url.port }],
    reliable: false, connect_headers: connect_headers
  )
  abort("ruby_stomp_client: #{conn.connection_frame.command}") if conn.connection_frame.command == "ERROR"
  mode = version == "1.0" ? "client" : "client-individual"
  conn.subscribe("/queue/conformance", { "id" => "0", "ack" => mode }, "0")
  first = ->(value) { value.is_a?(Array) ? value[0] : value } # of a repeated header the gem keeps all
  while (frame = conn.receive)
    abort("ruby_stomp_client: #{frame.body}") if frame.command == "ERROR"
    next unless frame.command == "MESSAGE"

    id = first[frame.headers[version == "1.2" ? "ack" : "message-id"]]
    if frame.body == "bye"
      conn.ack(id, { "subscription" => "0" })
      conn.disconnect("receipt" => "bye") # waits for the RECEIPT
      break
    end
    headers = frame.headers.key?("echo") ? { "echo" => first[frame.headers["echo"]] } : {}
    conn.publish("/queue/echo", first[frame.headers["reveal"]] || frame.body, headers)
    conn.ack(id, { "subscription" => "0" })
  end
rescue StandardError => e
  expected = e.class.name.start_with?("Stomp::Error::") || e.is_a?(SystemCallError) || e.is_a?(IOError)
  raise unless expected

  abort("ruby_stomp_client: #{e.class}")
end
