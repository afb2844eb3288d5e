# Net::Stomp (Debian: libnet-stomp-perl) against a broker. See test_clients.py for the arguments and the steps.
use strict;
use warnings;
use Net::Stomp;

my ($host, $port, $login, $passcode, $queue, $version) = @ARGV;
my @host = (hostname => $host, port => $port, timeout => 20, receipt_timeout => 20,
            initial_reconnect_attempts => 1, reconnect_attempts => 1);
my %connect = $version eq '1.0' ? () : ('accept-version' => $version, host => '/');
$| = 1;

sub check { my ($step, $right, $what) = @_; $right or die "$step: got $what\n"; print "$step\n"; }

my $stomp = Net::Stomp->new({@host});
my $connected = $stomp->connect({login => $login, passcode => $passcode, %connect});
check('connect', $connected->command eq 'CONNECTED', $connected->as_string);
check('version', $connected->headers->{version} eq $version, $connected->as_string);

my $mode = $version eq '1.0' ? 'client' : 'client-individual';
$stomp->subscribe({id => 's', destination => $queue, ack => $mode, 'prefetch-count' => 1});

# A receipt and a message may come in either order.
my %receipts;
sub message {
    while (my $frame = $stomp->receive_frame) {
        return $frame if $frame->command eq 'MESSAGE';
        $frame->command eq 'RECEIPT' or die "unexpected " . $frame->as_string;
        $receipts{$frame->headers->{'receipt-id'}} = 1;
    }
    die "no message\n";
}
sub receipt {
    my ($id) = @_;
    until ($receipts{$id}) {
        my $frame = $stomp->receive_frame or die "no receipt $id\n";
        $frame->command eq 'RECEIPT' or die "unexpected " . $frame->as_string;
        $receipts{$frame->headers->{'receipt-id'}} = 1;
    }
}
sub settle {
    my ($verb, $frame, $receipt, @more) = @_;
    my @id = $version eq '1.2' ? (id => $frame->headers->{ack}) : $version eq '1.1' ? (subscription => 's') : ();
    $stomp->$verb({frame => $frame, receipt => $receipt, @id, @more});
    receipt($receipt);
}
sub roundtrip {
    my ($step, $body) = @_;
    $stomp->send({destination => $queue, body => $body, bytes_message => 1, receipt => "send-$step"});
    my $frame = message();
    receipt("send-$step");
    check($step, ($frame->body // '') eq $body, $frame->as_string);
    return $frame;
}

settle(ack => roundtrip('text', "gr\xc3\xbc\xc3\x9fe"), 'a1');
settle(ack => roundtrip('binary', join('', map {chr} 0 .. 255)), 'a2');
settle(ack => roundtrip('empty', ''), 'a3');

if ($version ne '1.0') {
    settle(nack => roundtrip('nack', 'refused'), 'n1', requeue => 'false');
}

for my $end ('abort', 'commit') {
    $stomp->send_frame(Net::Stomp::Frame->new({command => 'BEGIN', headers => {transaction => "t-$end"}}));
    $stomp->send({destination => $queue, body => $end, transaction => "t-$end"});
    $stomp->send_frame(Net::Stomp::Frame->new(
        {command => uc $end, headers => {transaction => "t-$end", receipt => $end}}));
}
my $committed = message();
check('transactions', $committed->body eq 'commit', $committed->as_string);
settle(ack => $committed, 'a4');

$stomp->unsubscribe({id => 's', destination => $queue, receipt => 'u'});
receipt('u');
$stomp->disconnect;
check('disconnect', 1);

my $refused = Net::Stomp->new({@host})->connect({login => $login, passcode => 'wrong', %connect});
check('refused', $refused->command eq 'ERROR' && $refused->headers->{message}, $refused->as_string);
