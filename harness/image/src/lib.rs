//! What a guest boots into: the initramfs with the guest binary and the modules it may need.
