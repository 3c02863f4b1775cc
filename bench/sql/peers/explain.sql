explain (analyze, buffers)
