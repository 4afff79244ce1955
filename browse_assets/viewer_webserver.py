"""Dagster's web server for viewers: it takes no GraphQL mutation at all.

What belongs here: what `dagster-webserver --read-only` leaves open. What does not: who is a viewer
(`deploy/proxy/`), what else a server may show.

`--read-only` refuses each mutation by itself, and four of Dagster 1.13.27 are not asked: trying a sensor or
a schedule (its code runs, as often as somebody likes), and two that write small files.
"""

from collections.abc import Collection
from typing import Any

import dagster_webserver.app
from dagster_webserver.cli import main
from dagster_webserver.webserver import DagsterWebserver
from graphql import ASTValidationRule, GraphQLError, OperationDefinitionNode, OperationType


class NoMutation(ASTValidationRule):
    """Refuses a document with a mutation in it before anything is run; the answer has the status 400."""

    def enter_operation_definition(self, node: OperationDefinitionNode, *_: Any) -> None:
        """Called by `graphql.validate` for each operation of a document."""
        if node.operation is OperationType.MUTATION:
            self.report_error(GraphQLError("This is the viewers' door: it shows, and changes nothing.", node))


class ViewerWebserver(DagsterWebserver):
    """The web server with one rule more. Over a websocket there are only subscriptions anyway."""

    def build_graphql_validation_rules(self) -> Collection[type[ASTValidationRule]]:
        """Dagster's rules, and no mutation."""
        return [*super().build_graphql_validation_rules(), NoMutation]


if __name__ == "__main__":
    # Dagster's command makes its server from this name, and has no option for another.
    dagster_webserver.app.DagsterWebserver = ViewerWebserver  # type: ignore[misc]
    main()
