"""Registry of published systems: plain rows, which import torch only when a network is asked for."""

from dataclasses import dataclass
from importlib import import_module

SUPERVISIONS = ("full", "weak")


@dataclass(frozen=True)
class System:
    """A published system.

    Attributes
    ----------
    name : str
        What ``network=`` of the estimators calls it.
    place : str
        Where its class is: "module:Class", in ``ave_sklearn.nn.systems``.
    title : str
        What tables call it.
    reference : str
        Authors and venue.
    year : int
    source : str
        What it was written from.
    supervisions : tuple of str
        Those it has a form for, "full" and "weak".
    gated : bool
        Whether it decides between event and background, and names one category a video; the others are flat.
    """

    name: str
    place: str
    title: str
    reference: str
    year: int
    source: str
    supervisions: tuple = SUPERVISIONS
    gated: bool = False

    @property
    def class_name(self):
        """Name of the class."""
        return self.place.partition(":")[2]

    def network(self):
        """Import the network and return its class."""
        module, _, name = self.place.partition(":")
        return getattr(import_module(f"ave_sklearn.nn.systems.{module}"), name)


AUTHORS = "authors' code"
EQUAL = "authors' code, outputs equal"  # tests/nn/test_parity.py compares them
RECONSTRUCTION = "reconstruction"

SYSTEMS = {
    system.name: system
    for system in [
        System("avel", "avel:AVELNet", "AVEL", "Tian et al., ECCV", 2018, EQUAL),
        System("dmrn", "dmrn:DMRNNet", "AVEL, DMRN fusion", "Tian et al., ECCV", 2018, EQUAL + "; weak form ours"),
        System(
            "avsdn",
            "avsdn:AVSDNNet",
            "AVSDN",
            "Lin et al., ICASSP",
            2019,
            "re-implementation; head reconstructed",
        ),
        System("cman", "cman:CMANNet", "CMAN", "Xuan et al., AAAI", 2020, RECONSTRUCTION),
        System("dam", "dam:DAMNet", "DAM", "Wu et al., ICCV", 2019, RECONSTRUCTION, ("full",), gated=True),
        System("avrb", "avrb:AVRBNet", "AVRB", "Ramaswamy and Das, WACV", 2020, RECONSTRUCTION),
        System("avin", "avin:AVINNet", "AVIN", "Ramaswamy, ICASSP", 2020, RECONSTRUCTION),
        System("avt", "avt:AVTNet", "AVT", "Lin and Wang, ACCV", 2020, RECONSTRUCTION),
        System("cmran", "cmran:CMRANNet", "CMRAN", "Xu et al., ACM MM", 2020, EQUAL, gated=True),
        System("psp", "psp:PSPNet", "PSP", "Zhou et al., CVPR", 2021, f'paper; `variant="released"`: {EQUAL}'),
        System("cpsp", "cpsp:CPSPNet", "CPSP", "Zhou et al., TPAMI", 2022, AUTHORS + ", not compared", gated=True),
        System(
            "cmbs",
            "cmbs:CMBSNet",
            "CMBS",
            "Xia and Zhao, CVPR",
            2022,
            f'mended; `variant="released"`: {EQUAL}',
            gated=True,
        ),
        System(
            "cacenet",
            "cacenet:CACENet",
            "CACE-Net",
            "He et al., ACM MM",
            2024,
            f'mended; `variant="released"`: {EQUAL}',
            ("full",),
            gated=True,
        ),
    ]
}
"""The systems by name, in the order of tables."""
