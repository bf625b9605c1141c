"""Apps of one process have their routes in common, since making them takes longer than most calls, and nothing else."""


async def test_two_apps_share_their_routes_and_know_nothing_of_each_other(open_site):
    async with open_site() as one, open_site(tokens="tell-no-one") as other:
        await one.save()

        assert (await one.call("GET", "/api/v1/pipelines/hello")).status_code == 200
        assert (await other.call("GET", "/api/v1/pipelines/hello")).status_code == 401
        known = {"Authorization": "Bearer tell-no-one"}
        assert (await other.call("GET", "/api/v1/pipelines/hello", headers=known)).status_code == 404
        assert one.app.routes[0] is other.app.routes[0]
