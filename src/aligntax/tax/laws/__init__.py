"""Laws of the alignment tax: what explains the tax of a checkpoint, one file a family."""

from collections.abc import Mapping

from aligntax.tax.laws.forgetting_power import forgetting_power
from aligntax.tax.laws.gao_best_of_n import GAO_BEST_OF_N, best_of_n_kl_bound
from aligntax.tax.laws.gao_rl import GAO_RL
from aligntax.tax.laws.kl_linear import KL_LINEAR, KL_PROPORTIONAL
from aligntax.tax.laws.kl_quadratic import KL_QUADRATIC
from aligntax.tax.laws.kl_root import KL_ROOT
from aligntax.tax.laws.law import Law

__all__ = [
    "FORGETTING_POWER",
    "LAWS",
    "LAWS_OF_KL",
    "LAWS_OF_REWARD",
    "Law",
    "best_of_n_kl_bound",
    "forgetting_power",
]

FORGETTING_POWER = forgetting_power(1.0)
LAWS_OF_KL = (KL_PROPORTIONAL, KL_ROOT, KL_LINEAR, KL_QUADRATIC)
"""Tax by KL, the simplest first."""
LAWS_OF_REWARD = (GAO_BEST_OF_N, GAO_RL)
"""Gold reward by KL."""
LAWS: Mapping[str, Law] = {law.name: law for law in (*LAWS_OF_KL, *LAWS_OF_REWARD, FORGETTING_POWER)}
"""Every law by name."""
