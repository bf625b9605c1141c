"""Functions that others keep, by the names and addresses that they have on a cluster."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from eventing.invocations import Failed, Invocation
from flume.cli.settings import Settings, split_list
from flume.errors import SettingError
from knative.orders import KnownModels, address_of, function_of

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """How an order finds its function.

    ``function_of`` names the function, or says why there is none; ``address_of`` is where that takes the order, for an
    invocation that names it. Through a broker nobody asks for addresses.
    """

    function_of: Callable[[Invocation], str | Failed]
    address_of: Callable[[Invocation], str]


def elsewhere_of(settings: Settings, *, may_be_on_cluster: bool = True) -> Elsewhere | None:
    """The functions of a cluster, if the settings say that they are there; those of a broker, if they name one.

    ``may_be_on_cluster`` False: whatever the settings say of a cluster is meant for others. Raises `SettingError` for a broker of
    a cluster without address.
    """
    is_by_broker = settings.dispatch == "broker"
    is_on_cluster = may_be_on_cluster and settings.is_on_cluster
    if is_on_cluster and is_by_broker and not settings.broker_url:
        raise SettingError(
            "BROKER_URL", "expected the broker's address, since K8S_NAMESPACE and FLUME_DISPATCH=broker are set"
        )
    if not is_on_cluster and not (is_by_broker and settings.broker_url):
        return None
    return Elsewhere(
        function_of=partial(_function_of, settings.models_file, shares_models=bool(settings.llm_url)),
        address_of=partial(address_of, namespace=settings.cluster_namespace),
    )


def _function_of(models_file: Path | None, order: Invocation, *, shares_models: bool) -> str | Failed:
    return function_of(order, KnownModels(_names_in(models_file)), shares_models=shares_models)


def _names_in(file: Path | None) -> frozenset[str] | None:
    """The names in a file, read anew each time: whoever keeps the models changes it. None if nothing is known."""
    if file is None:
        return None
    try:
        return frozenset(split_list(file.read_text()))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        logger.warning(
            "the file with the names of models can't be read", extra={"file": str(file), "reason": str(error)}
        )
        return None
