"""Access rules of a Kafka cluster, as data, and creating them. The client has the request, its admin class not."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.admin import CreateAclsRequest_v1
from aiokafka.protocol.api import Request

from connectors.bus.cluster import Cluster, unreachable
from connectors.errors import Misconfigured, Transient

Resource = Literal["topic", "group", "cluster"]
Operation = Literal[
    "all", "read", "write", "create", "alter", "describe", "describe_configs", "alter_configs"
]  # fmt: skip

# https://kafka.apache.org/protocol: the numbers of org.apache.kafka.common.acl and .resource.
_RESOURCES: dict[Resource, int] = {"topic": 2, "group": 3, "cluster": 4}
_OPERATIONS: dict[Operation, int] = {
    "all": 2, "read": 3, "write": 4, "create": 5, "alter": 7, "describe": 8, "describe_configs": 10,
    "alter_configs": 11,
}  # fmt: skip
_LITERAL, _ALLOW = 3, 3
CLUSTER_NAME = "kafka-cluster"


class Acl(NamedTuple):
    """``principal`` may do ``operation`` on the resource of exactly this name, from any host. ``*`` is every name."""

    principal: str
    resource: Resource
    name: str
    operation: Operation


async def create_acls(cluster: Cluster, acls: Sequence[Acl]) -> None:
    """Create rules; those that are there already stay.

    Raises:
        Misconfigured: the cluster refuses one, or keeps no rules at all.
        Transient: no broker answers.
    """
    admin = AIOKafkaAdminClient(**cluster.client_options("noizylab-acls"))
    try:
        try:
            await admin.start()
        except KafkaError as error:
            raise await unreachable(cluster, error) from error
        answer = await admin._send_request(_CreateAcls(acls))
    except KafkaError as error:
        raise Transient(f"creating access rules at {cluster.bootstrap} failed: {error!r}") from error
    finally:
        await admin.close()
    for acl, (code, message) in zip(acls, answer.creation_responses, strict=True):
        if code != 0:
            raise Misconfigured(
                f"the cluster refuses {acl.operation} on {acl.resource} {acl.name} for {acl.principal}: "
                f"{for_code(code).__name__} {message or ''}; rules need an authorizer and a user that may alter it"
            )


class _CreateAcls(Request[CreateAclsRequest_v1]):  # type: ignore[misc]  # aiokafka has no types
    """The client's own request holds one rule; the protocol takes many."""

    API_KEY = 30

    def __init__(self, acls: Sequence[Acl]) -> None:
        self._rows = [
            (_RESOURCES[one.resource], one.name, _LITERAL, one.principal, "*", _OPERATIONS[one.operation], _ALLOW)
            for one in acls
        ]

    def build(self, request_struct_class: type[CreateAclsRequest_v1]) -> CreateAclsRequest_v1:
        return request_struct_class(self._rows)
