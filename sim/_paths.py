"""Where the shipped configuration lies: in a checkout, or inside the installed package."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def _root() -> Path:
    # A checkout comes first: there the analyst edits conf/, and the edit must count.
    candidates = (_PACKAGE.parent, _PACKAGE / "_shipped")
    for root in candidates:
        if (root / "conf" / "config.yaml").is_file():
            return root
    looked = " nor ".join(str(root / "conf" / "config.yaml") for root in candidates)
    raise FileNotFoundError(f"no configuration: there is neither {looked}; reinstall the package")


def conf_dir() -> Path:
    """Folder of the Hydra groups.

    Raises
    ------
    FileNotFoundError
        If neither the checkout nor the installed package holds ``conf/config.yaml``.
    """
    return _root() / "conf"


def experiments_dir() -> Path:
    """Folder of the named experiments, beside the folder that `conf_dir` returns.

    Raises
    ------
    FileNotFoundError
        As for `conf_dir`.
    """
    return _root() / "experiments"
