//! Lossless model of a BPF ELF file: read and write.
