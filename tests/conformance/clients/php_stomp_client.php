<?php
// The echo client with the stomp extension (Debian: php-stomp), which has no 1.2: its ACK has no `id`. See
// stomp_socket_client.py.
$url = parse_url(getenv("STOMP_URL"));
$version = getenv("STOMP_VERSION");
$headers = $version == "1.0" ? [] : ["accept-version" => $version, "host" => "/"];

try {
    $stomp = new Stomp("tcp://{$url["host"]}:{$url["port"]}", $url["user"], $url["pass"], $headers);
    $stomp->setReadTimeout(3600);
    $mode = $version == "1.0" ? "client" : "client-individual";
    // Without a header "receipt" the extension does not wait for anything.
    $stomp->subscribe("/queue/conformance", ["id" => "0", "ack" => $mode]);
    while (($frame = $stomp->readFrame()) !== false) {
        if ($frame->command != "MESSAGE") {
            continue;
        }
        $id = $version == "1.1" ? ["subscription" => "0"] : [];
        if ((string) $frame->body == "bye") {
            $stomp->ack($frame->headers["message-id"], $id);
            unset($stomp); // sends DISCONNECT
            exit(0);
        }
        $echo = isset($frame->headers["echo"]) ? ["echo" => $frame->headers["echo"]] : [];
        $body = $frame->headers["reveal"] ?? (string) $frame->body;
        $stomp->send("/queue/echo", $body, $echo + ["content-length" => strlen($body)]);
        $stomp->ack($frame->headers["message-id"], $id);
    }
} catch (StompException $error) {
    fwrite(STDERR, "php_stomp_client: " . $error->getMessage() . "\n");
    exit(1);
}
