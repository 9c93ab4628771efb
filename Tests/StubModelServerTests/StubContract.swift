import Testing

/// The built stub server held to what was measured of `vllm serve`. One test at a time: each waits
/// for a program with blocking calls, and so holds one of the threads that all tests share.
@Suite(.serialized) enum StubContract {}
