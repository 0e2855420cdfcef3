# Builds with: docker build --tag postern .
# Runs with:   docker run --volume postern-state:/var/lib/postern \
#                --volume ./postern.yaml:/etc/postern/postern.yaml:ro --publish 25:25 postern
# Give it time to finish what is in flight: docker stop --time 60 (shutdown.grace is 30 s by default).

ARG NODE_IMAGE=node:24-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /src
COPY package.json package-lock.json ./
# No install scripts: the image has its Node already, and better-sqlite3 brings its binary along
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build && npm prune --omit=dev --ignore-scripts --no-audit --no-fund

FROM ${NODE_IMAGE}
# A fixed number, so that the owner of a volume stays the same from image to image
RUN groupadd --system --gid 10025 postern \
 && useradd --system --uid 10025 --gid postern --home-dir /var/lib/postern --shell /usr/sbin/nologin postern \
 && install --directory --owner postern --group postern --mode 0750 /var/lib/postern \
 && install --directory --mode 0755 /etc/postern
WORKDIR /opt/postern
COPY package.json LICENSE ./
COPY config config
COPY --from=build /src/node_modules node_modules
COPY --from=build /src/dist dist
ENV NODE_ENV=production UV_THREADPOOL_SIZE=16 MALLOC_ARENA_MAX=2
USER postern
VOLUME /var/lib/postern
# Container runtimes let any user bind these; where one does not, give CAP_NET_BIND_SERVICE or configure higher ports
EXPOSE 25 443 465 9825
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
  CMD ["node", "/opt/postern/dist/cli/main.js", "status", "--health"]
# The same flags as in scripts/postern and systemd/postern.service
ENTRYPOINT ["node", "--disable-warning=ExperimentalWarning", "--max-semi-space-size=8", "--heap-growing-percent=100", "--max-old-space-size=768", "/opt/postern/dist/cli/main.js"]
CMD ["serve"]
