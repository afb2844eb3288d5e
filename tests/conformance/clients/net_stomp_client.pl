# The echo client with Net::Stomp (Debian: libnet-stomp-perl). See stomp_socket_client.py.
use strict;
use warnings;
use Net::Stomp;

my ($login, $passcode, $host, $port) = $ENV{STOMP_URL} =~ m{^stomp://(.*?):(.*?)@(.*):(\d+)$} or die "STOMP_URL";
my $version = $ENV{STOMP_VERSION};
my %connect = $version eq '1.0' ? () : ('accept-version' => $version, host => '/');
my $stomp = Net::Stomp->new({hostname => $host, port => $port, initial_reconnect_attempts => 1, reconnect_attempts => 1});
$stomp->connect({login => $login, passcode => $passcode, %connect});
my $mode = $version eq '1.0' ? 'client' : 'client-individual';
$stomp->subscribe({id => '0', destination => '/queue/conformance', ack => $mode});
while (my $frame = $stomp->receive_frame) {
    next if $frame->command ne 'MESSAGE';
    my $headers = $frame->headers;
    my @id = $version eq '1.2' ? (id => $headers->{ack}) : $version eq '1.1' ? (subscription => $headers->{subscription}) : ();
    if (($frame->body // '') eq 'bye') {
        $stomp->ack({frame => $frame, @id});
        $stomp->disconnect;
        last;
    }
    my @echo = exists $headers->{echo} ? (echo => $headers->{echo}) : ();
    my $body = $headers->{reveal} // $frame->body // '';
    $stomp->send({destination => '/queue/echo', body => $body, bytes_message => 1, @echo});
    $stomp->ack({frame => $frame, @id});
}
