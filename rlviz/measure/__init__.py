"""What one training step is worth: accuracy, FLOPs and parallelism, as exact sums that merge.

The modules here know no files, ranks or threads: plain numbers and arrays in, plain numbers out.
"""
