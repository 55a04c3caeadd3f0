//! Old kernels wrapped as archives of their time: from a signed index to verdicts.
