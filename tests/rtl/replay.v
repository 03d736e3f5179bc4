// replay: transactions from a file on the accelerator, and all that it answers as text: rows, logits, counters, responses.
//
// A line of the file is `kind a b`, all hexadecimal:
//   0 write b to register a, with the strobes of bits 11:8    3 wait a clocks
//   1 read register a                                         4 wait for a complete runs, or an error
//   2 offer beat a, tlast b                                   5 reset for a clocks
// Both streams stall now and then, the same way each time. Clocks are not part of what is printed: counters are.
`timescale 1ns / 1ns
`default_nettype none

module replay;
  reg clk = 0, rst_n = 0;
  reg [7:0] awaddr = 0, araddr = 0;
  reg awvalid = 0, wvalid = 0, bready = 0, arvalid = 0, rready = 0, tvalid = 0, tlast = 0;
  reg [31:0] wdata = 0, tdata = 0;
  reg [3:0] wstrb = 0;
  reg [15:0] random = 16'h1d5a;
  wire awready, wready, bvalid, arready, rvalid, tready, out_valid, out_last, done, row_valid, w_ready;
  wire [1:0] bresp, rresp;
  wire [31:0] rdata, out_data, cycles, stalls;
  wire [3:0] error;
  wire [13:0] place;
  wire [7:0] lanes;
  wire [127:0] row;
  wire out_ready = random[2:0] != 3'd0;

  accelerator #(
      .Lanes(8),
      .Width(32),
      .WeightDepth(4096),
      .BiasDepth(256),
      .Operations(64)
  ) dut (
      .clk_i(clk),
      .rst_ni(rst_n),
      .s_axil_awaddr(awaddr),
      .s_axil_awvalid(awvalid),
      .s_axil_awready(awready),
      .s_axil_wdata(wdata),
      .s_axil_wstrb(wstrb),
      .s_axil_wvalid(wvalid),
      .s_axil_wready(wready),
      .s_axil_bresp(bresp),
      .s_axil_bvalid(bvalid),
      .s_axil_bready(bready),
      .s_axil_araddr(araddr),
      .s_axil_arvalid(arvalid),
      .s_axil_arready(arready),
      .s_axil_rdata(rdata),
      .s_axil_rresp(rresp),
      .s_axil_rvalid(rvalid),
      .s_axil_rready(rready),
      .s_axis_tdata(tdata),
      .s_axis_tvalid(tvalid),
      .s_axis_tready(tready),
      .s_axis_tlast(tlast),
      .s_axis_w_tdata(16'd0),
      .s_axis_w_tvalid(1'b0),
      .s_axis_w_tready(w_ready),
      .m_axis_tdata(out_data),
      .m_axis_tvalid(out_valid),
      .m_axis_tready(out_ready),
      .m_axis_tlast(out_last),
      .done_o(done),
      .cycles_o(cycles),
      .stalls_o(stalls),
      .error_o(error),
      .row_valid_o(row_valid),
      .row_place_o(place),
      .row_lanes_o(lanes),
      .row_o(row)
  );

  always #5 clk = !clk;

  integer lane, runs = 0;
  reg held = 0;
  reg [32:0] held_beat;
  reg [127:0] shown;
  always @(posedge clk) begin
    random <= {random[14:0], random[15] ^ random[13] ^ random[12] ^ random[10]};
    if (rst_n) begin
      if (row_valid) begin
        // Of a row in A only the low bytes are written.
        for (lane = 0; lane < 8; lane = lane + 1)
          shown[16*lane+:16] = !lanes[lane] ? 16'd0 : place[12] ? {8'd0, row[16*lane+:8]} : row[16*lane+:16];
        $display("row %h %h %h", place, lanes, shown);
      end
      if (out_valid && out_ready) $display("logit %h %b", out_data, out_last);
      if (held && (!out_valid || {out_last, out_data} !== held_beat)) $display("unstable");
      if (w_ready) $display("weights taken");
      held <= out_valid && !out_ready;
      held_beat <= {out_last, out_data};
      if (done) begin
        $display("run %0d", cycles - stalls);
        runs = runs + 1;
      end
    end else held <= 1'b0;
  end

  integer file, kind, patience;
  reg [31:0] a, b;
  initial begin
    file = $fopen("replay.txt", "r");
    while ($fscanf(file, "%h %h %h", kind, a, b) == 3) begin
      @(negedge clk);
      patience = 20000;
      case (kind)
        0: begin
          awaddr = a[7:0];
          wstrb  = a[11:8];
          wdata  = b;
          // Address first, data first, or both at once; the answer waits now and then.
          if (random[1]) begin
            {awvalid, wvalid} = random[0] ? 2'b10 : 2'b01;
            @(negedge clk);
          end
          {awvalid, wvalid} = 2'b11;
          #1 while (!(awready && wready) && patience > 0) begin
            @(negedge clk) #1 patience = patience - 1;
          end
          @(negedge clk) {awvalid, wvalid} = 2'b00;
          wdata = ~wdata;
          repeat (random[5:4]) @(negedge clk);
          #1 while (!bvalid && patience > 0) @(negedge clk) #1 patience = patience - 1;
          $display("write %h %b", a[7:0], bresp);
          bready = 1;
          @(negedge clk) bready = 0;
          #1 if (bvalid) $display("answered twice");
        end
        1: begin
          araddr = a[7:0];
          arvalid = 1;
          #1 while (!arready && patience > 0) @(negedge clk) #1 patience = patience - 1;
          @(negedge clk) arvalid = 0;
          araddr = ~araddr;
          repeat (random[5:4]) @(negedge clk);
          #1 while (!rvalid && patience > 0) @(negedge clk) #1 patience = patience - 1;
          $display("read %h %h %b", a[7:0], rdata, rresp);
          rready = 1;
          @(negedge clk) rready = 0;
          #1 if (rvalid) $display("answered twice");
        end
        2: begin
          repeat (random[7:5] == 3'd0 ? 3 : 0) @(negedge clk);
          tdata  = a;
          tlast  = b[0];
          tvalid = 1;
          #1 while (!tready && error == 4'd0 && patience > 0) begin
            @(negedge clk) #1 patience = patience - 1;
          end
          @(negedge clk) tvalid = 0;
          tlast = !tlast;
        end
        3: repeat (a) @(negedge clk);
        4: begin
          while (runs < a && error == 4'd0 && patience > 0) @(negedge clk) patience = patience - 1;
          repeat (40) @(negedge clk);
          $display("error %h", error);
        end
        default: begin
          rst_n = 0;
          repeat (a) @(negedge clk);
          rst_n = 1;
        end
      endcase
      if (patience == 0) begin
        $display("hangs");
        $finish;
      end
    end
    $finish;
  end
endmodule

`default_nettype wire
