/// The server of ``StubServer`` as a program of its own, such as a replica's: in Perl, which every Debian has.
enum StubProgram {
  /// - Parameters:
  ///   - answers: By method and path; anything else is 404.
  ///   - key: Who asks for what is below `/v1` and does not show it gets 401.
  ///   - sharesPort: With others that ask for that.
  ///   - user: Whose it is once it listens; 0: its starter's.
  ///   - log: Gets every request as it came; made with the first.
  ///   - pause: Seconds before it listens.
  static func argv(
    _ answers: StubServer.Answers, host: String = "127.0.0.1", port: Int, key: String = "",
    sharesPort: Bool = false, user: Int = 0, log: String = "/dev/null", pause: Int = 0
  ) -> [String] {
    let facts = [
      host, "\(port)", key, sharesPort ? "1" : "0", "\(user)", log, "\(pause)",
    ]
    return ["/usr/bin/perl", "-e", Self.text] + facts
      + answers.map { "\($0.key)\t\($0.value.status)\t\($0.value.body)" }.sorted()
  }

  private static let text = #"""
    use strict;
    use Socket;
    my ($host, $port, $key, $shares, $user, $log, $pause, @answers) = @ARGV;
    $| = 1;
    $SIG{PIPE} = "IGNORE";
    print "Starting to load model\n";
    sleep $pause;
    my %answers = map { my ($q, $s, $b) = split /\t/, $_, 3; ($q => [$s, $b]) } @answers;
    socket(my $server, PF_INET, SOCK_STREAM, 0) or die $!;
    setsockopt($server, SOL_SOCKET, SO_REUSEADDR, 1);
    setsockopt($server, SOL_SOCKET, SO_REUSEPORT, 1) if $shares;
    bind($server, sockaddr_in($port, inet_aton($host))) or die "bind: $!";
    if ($user) { $< = $user; $> = $user }
    listen($server, 64) or die $!;
    while (1) {
      accept(my $client, $server) or next;
      my $request = "";
      while ($request !~ /\r\n\r\n/) {
        sysread($client, $request, 65536, length $request) or last;
      }
      next unless $request =~ /^(\S+ \S+) HTTP.*?\r\n\r\n/s;
      my ($question, $start) = ($1, $+[0]);
      my $size = $request =~ /^content-length: *(\d+)/mi ? $1 : 0;
      while (length($request) < $start + $size) {
        sysread($client, $request, 65536, length $request) or last;
      }
      if (open(my $file, ">>", $log)) { print $file $request; close $file }
      my ($status, $body) = @{$answers{$question} || [404, ""]};
      ($status, $body) = (401, "")
        if $key ne "" && $question =~ m{ /v1/} && $request !~ /^authorization: Bearer \Q$key\E\r$/mi;
      syswrite($client, "HTTP/1.1 $status X\r\nContent-Length: " . length($body)
        . "\r\nConnection: close\r\n\r\n$body");
      close $client;
    }
    """#
}
