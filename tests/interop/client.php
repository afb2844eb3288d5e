<?php
// The stomp extension of PHP (Debian: php-stomp) against a broker. See test_clients.py for the arguments and the steps.
[, $host, $port, $login, $passcode, $queue, $version] = $argv;
$headers = $version == "1.0" ? [] : ["accept-version" => $version, "host" => "/"];

function check($step, $right, $what = null) {
    if (!$right) {
        fwrite(STDERR, "$step: got " . var_export($what, true) . "\n");
        exit(1);
    }
    echo "$step\n";
}

$stomp = new Stomp("tcp://$host:$port", $login, $passcode, $headers);
$stomp->setReadTimeout(20);
check("connect", $stomp->getSessionId(), $stomp->error());
$mode = $version == "1.0" ? "client" : "client-individual";
check("subscribe", $stomp->subscribe($queue, ["id" => "s", "ack" => $mode, "prefetch-count" => "1", "receipt" => "s"]));

// Calls with a receipt wait for it; the extension keeps MESSAGEs that come before.
function roundtrip($step, $body) {
    global $stomp, $queue;
    check("send $step", $stomp->send($queue, $body, ["receipt" => "send-$step", "content-length" => strlen($body)]), $stomp->error());
    $frame = $stomp->readFrame();
    check($step, $frame && $frame->command == "MESSAGE" && (string) $frame->body === $body, $frame);
    return $frame;
}

function acknowledge($frame, $receipt) {
    global $stomp, $version;
    $headers = ["receipt" => $receipt];
    if ($version == "1.1") {
        $headers["subscription"] = "s";
    }
    check("ack $receipt", $stomp->ack($frame->headers["message-id"], $headers), $stomp->error());
}

acknowledge(roundtrip("text", "grüße"), "a1");
acknowledge(roundtrip("binary", implode("", array_map("chr", range(0, 255)))), "a2");
acknowledge(roundtrip("empty", ""), "a3");

foreach (["abort", "commit"] as $end) {
    check("begin $end", $stomp->begin("t-$end", ["receipt" => "b-$end"]), $stomp->error());
    $stomp->send($queue, $end, ["transaction" => "t-$end"]);
    check($end, $stomp->$end("t-$end"), $stomp->error());
}
$committed = $stomp->readFrame();
check("transactions", $committed && (string) $committed->body === "commit", $committed);
acknowledge($committed, "a4");

check("unsubscribe", $stomp->unsubscribe($queue, ["id" => "s", "receipt" => "u"]), $stomp->error());
unset($stomp);
check("disconnect", true);

try {
    new Stomp("tcp://$host:$port", $login, "wrong", $headers);
    check("refused", false, "a connection");
} catch (StompException $error) {
    check("refused", true);
}
