//! BTF and BTF.ext: read and write.
