#![allow(clippy::unwrap_used)]
use super::*;

#[test]
fn a_recipe_survives_its_file_and_defaults_are_written_out() {
    let folder = tempfile::tempdir().unwrap();
    let mut recipe = Recipe::default();
    recipe.loss.class_weights = ClassWeights::Given([1.0, 2.0, 1.0, 1.0, 1.0, 1.0, 2.0, 1.0]);
    recipe.augmentation.pseudo_labels = Some("models/road".into());
    recipe.write(folder.path()).unwrap();
    let path = folder.path().join(RECIPE_FILE);
    assert_eq!(Recipe::read(&path).unwrap(), recipe);
    let text = std::fs::read_to_string(path).unwrap();
    for key in [
        "stride_min",
        "gamma",
        "zoom_max",
        "learning_rate",
        "times",
        "from",
    ] {
        assert!(
            text.contains(&format!("{key} = ")),
            "{key} is not in {text}"
        );
    }
}

#[test]
fn what_is_left_out_takes_the_default_and_what_is_unknown_is_refused() {
    let recipe: Recipe = toml::from_str("[loss]\ngamma = 1.5\n").unwrap();
    assert_eq!(recipe.loss.gamma, 1.5);
    assert_eq!(recipe.network, NetworkRecipe::default());
    let error = toml::from_str::<Recipe>("[loss]\ngama = 1.5\n").unwrap_err();
    assert!(error.to_string().contains("gama"), "{error}");
    let missing = Recipe::read("/nowhere/recipe.toml".as_ref()).unwrap_err();
    assert!(
        missing.to_string().contains("/nowhere/recipe.toml"),
        "{missing}"
    );
}

#[test]
fn impossible_numbers_are_named() {
    assert!(Recipe::default().check(288, 512).is_ok());
    let refused = |key: &str, change: fn(&mut Recipe)| {
        let mut recipe = Recipe::default();
        change(&mut recipe);
        let error = recipe.check(288, 512).unwrap_err().to_string();
        assert!(error.contains(key), "{error}");
    };
    refused("stride_max", |r| r.network.stride_max = 64);
    refused("shared_heads", |r| r.network.pyramid = false);
    refused("head_channels", |r| r.network.head_channels = 9);
    refused("gamma", |r| r.loss.gamma = f64::NAN);
    refused("class_weights", |r| {
        r.loss.class_weights = ClassWeights::Given([-1.0; 8])
    });
    refused("zoom_max", |r| r.augmentation.zoom_max = 0.2);
    refused("mosaic_share", |r| r.augmentation.mosaic_share = 1.5);
    refused("learning_rate", |r| r.schedule.learning_rate = 0.0);
    refused("batch", |r| r.schedule.batch = 0);
    refused("frozen_stride", |r| r.schedule.frozen_stride = 3);
    refused("frozen_stride", |r| {
        r.schedule.frozen_stride = 4;
        r.network.pretrained = false;
    });
    refused("from", |r| r.quantization.from = -0.1);
}

#[test]
fn every_source_gives_each_level_its_anchors() {
    for anchors in [
        AnchorSource::Default,
        AnchorSource::Generic,
        AnchorSource::Points,
    ] {
        let network = NetworkRecipe {
            anchors,
            stride_min: 4,
            stride_max: 64,
            ..NetworkRecipe::default()
        };
        assert_eq!(network.strides(), [4, 8, 16, 32, 64]);
        let levels = network.fixed_anchors().unwrap();
        assert_eq!(levels.len(), 5);
        // Coarser levels are for larger objects.
        let area = |level: &Vec<[f32; 2]>| level.iter().map(|[w, h]| w * h).sum::<f32>();
        assert!(
            levels
                .windows(2)
                .all(|pair| area(&pair[0]) < area(&pair[1]))
        );
    }
    let data = NetworkRecipe {
        anchors: AnchorSource::Data,
        ..NetworkRecipe::default()
    };
    assert_eq!(data.fixed_anchors(), None);
}
