//! Tests of the choice of files and folders.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::*;

#[test]
fn only_what_the_trainer_needs_is_unpacked() {
    let both = [
        "torch/lib/libtorch_cpu.so",
        "torch/lib/libgomp.so.1",
        "torch/include/ATen/Tensor.h",
        "nvidia/cu13/lib/libcudart.so.13",
        "nvidia/cu13/lib/libcupti.so.13",
    ];
    let cuda_only = [
        "torch/lib/libtorch_cuda.so",
        "torch/lib/libtorch_nvshmem.so",
        "nvidia/cudnn/lib/libcudnn.so.9",
        "nvidia/cu13/lib/libnvrtc-builtins.so.13.0",
    ];
    let never = [
        "torch/lib/libtorch_python.so",
        "torch/_C.cpython-311-x86_64-linux-gnu.so",
        "torch/__init__.py",
        "nvidia/cu13/lib/libcudart_static.a",
        "nvidia/cu13/include/cuda.h",
    ];
    assert!(
        both.iter()
            .all(|name| is_needed(name, false) && is_needed(name, true))
    );
    assert!(
        cuda_only
            .iter()
            .all(|name| !is_needed(name, false) && is_needed(name, true))
    );
    assert!(
        never
            .iter()
            .all(|name| !is_needed(name, false) && !is_needed(name, true))
    );
}

#[test]
fn the_version_is_read_from_the_header() {
    let header = "/// #define TORCH_VERSION_MAJOR\n#define TORCH_VERSION_MAJOR 2\n\
        #define TORCH_VERSION_MINOR 11\n#define TORCH_VERSION_PATCH 0\n";
    assert_eq!(version_in(header), Some("2.11.0".into()));
    assert_eq!(version_in("#define TORCH_VERSION_MAJOR 2\n"), None);
}

#[test]
fn a_libtorch_of_the_user_is_checked() {
    let site = tempfile::tempdir().unwrap();
    let root = site.path().join("torch");
    assert!(given(root.clone()).is_err());
    let header = root.join("include/torch/headeronly/version.h");
    for folder in [root.join("lib"), site.path().join("nvidia/cu13/lib")] {
        fs::create_dir_all(folder).unwrap();
    }
    fs::create_dir_all(header.parent().unwrap()).unwrap();
    fs::write(root.join("lib/libtorch_cpu.so"), "").unwrap();
    assert!(given(root.clone()).is_err());
    let text = |patch: &str| {
        let numbers: Vec<&str> = TORCH_VERSION.split('.').collect();
        format!(
            "#define TORCH_VERSION_MAJOR {}\n#define TORCH_VERSION_MINOR {}\n\
             #define TORCH_VERSION_PATCH {patch}\n",
            numbers[0], numbers[1]
        )
    };
    fs::write(&header, text("77")).unwrap();
    assert!(given(root.clone()).is_err());
    fs::write(&header, text(TORCH_VERSION.split('.').next_back().unwrap())).unwrap();
    let libtorch = given(root.clone()).unwrap();
    let folders = [root.join("lib"), site.path().join("nvidia/cu13/lib")];
    assert_eq!(libtorch.library_folders, folders);
    assert_eq!(libtorch.environment()[0], ("LIBTORCH", root.into()));
}
