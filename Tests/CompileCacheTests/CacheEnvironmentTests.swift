import CompileCache
import Testing

@Suite struct CacheEnvironmentTests {
  @Test func `every cache lies under the root and what is compiled is per engine`() {
    let variables = [0, 1].map {
      CacheEnvironment(
        root: "/local/", fingerprint: "abc", engine: $0, own: [CacheFolder("OWN_CACHE", "own")]
      ).variables
    }
    #expect(
      variables[0].map { "\($0.name)=\($0.value)" } == [
        "OWN_CACHE=/local/jit/abc/engine-0/own",
        "TORCHINDUCTOR_CACHE_DIR=/local/jit/abc/engine-0/inductor",
        "TRITON_CACHE_DIR=/local/jit/abc/engine-0/triton",
        "TORCH_EXTENSIONS_DIR=/local/jit/abc/engine-0/torch-extensions",
        "FLASHINFER_WORKSPACE_BASE=/local/jit/abc/engine-0/flashinfer",
        "FLASHINFER_CUBIN_DIR=/local/shared/flashinfer-cubins",
        "DG_JIT_CACHE_DIR=/local/jit/abc/engine-0/deep-gemm",
        "TILELANG_CACHE_DIR=/local/jit/abc/engine-0/tilelang",
        "CUDA_CACHE_PATH=/local/jit/abc/engine-0/cuda", "UV_CACHE_DIR=/local/shared/uv",
        "UV_LINK_MODE=symlink", "NEMO_GYM_SKIP_VENV_IF_PRESENT=1",
      ])
    for (first, second) in zip(variables[0], variables[1]) {
      #expect((first.value == second.value) == !first.value.contains("/jit/"))
    }
  }

  @Test func `the fingerprint depends on every input and not on their order`() {
    let base = CacheEnvironment.fingerprint(of: [("model", "a"), ("tp", "4")])
    #expect(base.utf8.count == 12)
    #expect(base == CacheEnvironment.fingerprint(of: [("tp", "4"), ("model", "a")]))
    #expect(base != CacheEnvironment.fingerprint(of: [("model", "a"), ("tp", "8")]))
    #expect(
      CacheEnvironment.fingerprint(of: [("a", "b c")])
        != CacheEnvironment.fingerprint(of: [("a b", "c")]))
  }
}
