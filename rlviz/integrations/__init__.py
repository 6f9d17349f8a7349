"""One file per framework: each translates its hooks into `rlviz.Callback` calls."""
