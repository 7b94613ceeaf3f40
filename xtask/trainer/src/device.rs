//! Which device to train on.

use crate::events::note;
use tch::Device;
use xtask::train_job;

/// A device that was asked for is not there.
#[derive(Debug, thiserror::Error)]
#[error("--device {wanted}: {reason}")]
pub struct DeviceError {
    wanted: train_job::Device,
    reason: String,
}

/// The device to use. `auto` falls back to the CPU and says so.
pub fn choose(wanted: train_job::Device) -> Result<Device, DeviceError> {
    let index = match wanted {
        train_job::Device::Cpu => return Ok(Device::Cpu),
        train_job::Device::Auto => 0,
        train_job::Device::Cuda(index) => index,
    };
    let loaded = load_cuda();
    let devices = tch::Cuda::device_count();
    if tch::Cuda::is_available() && i64::from(index) < devices {
        // cuDNN is not asked to search for its fastest kernels: on an H200 that made the first
        // step take 47 s, where it takes 22 s without.
        return Ok(Device::Cuda(index as usize));
    }
    let reason = match loaded {
        Err(reason) => format!("libtorch's CUDA part does not load ({reason})"),
        Ok(()) => format!("libtorch finds {devices} CUDA devices; is the driver installed?"),
    };
    if wanted == train_job::Device::Auto {
        note(format!("training on the CPU: {reason}"));
        return Ok(Device::Cpu);
    }
    Err(DeviceError {
        wanted,
        reason: format!("{reason}; use --device cpu to train without"),
    })
}

/// Loads libtorch's CUDA part. The linker drops the library, because no symbol of it is
/// named, and without it torch does not see any GPU.
fn load_cuda() -> Result<(), String> {
    // SAFETY: the library's initialisers only register its kernels with torch, which is
    // initialised already because it is linked.
    let library = unsafe { libloading::Library::new("libtorch_cuda.so") };
    // It must stay loaded for the life of the process.
    library.map(std::mem::forget).map_err(|e| e.to_string())
}
